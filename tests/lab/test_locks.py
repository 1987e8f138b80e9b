import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lab import locks


def test_a_second_holder_waits_and_is_reported(tmp_path: Path) -> None:
    path, events = tmp_path / "folder" / "lock", []

    @contextmanager
    def waiting() -> Iterator[None]:
        events.append("waiting")
        yield

    def second() -> None:
        with locks.exclusive(path, waiting):
            events.append("second")

    other = threading.Thread(target=second)
    with locks.exclusive(path):
        other.start()
        while "waiting" not in events:
            other.join(0.01)
        events.append("first")
    other.join()
    assert events == ["waiting", "first", "second"]


def test_a_holder_may_remove_the_file(tmp_path: Path) -> None:
    path, entered = tmp_path / "lock", threading.Event()

    def second() -> None:
        with locks.exclusive(path, waiting):
            assert path.exists()
            entered.set()

    @contextmanager
    def waiting() -> Iterator[None]:
        started.set()
        yield

    started = threading.Event()
    other = threading.Thread(target=second)
    with locks.exclusive(path):
        other.start()
        assert started.wait(5)
        path.unlink()
    assert entered.wait(5)
    other.join()
