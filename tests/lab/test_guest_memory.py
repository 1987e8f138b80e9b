"""When a guest is made to give memory back, and how long that is waited for."""

import threading
from collections.abc import Sequence
from pathlib import Path

import pytest

from lab import guest_memory
from lab.agent import Completed


class Guest:
    """Answers with the usual size of what it reports, or with nothing if it has nothing to give."""

    def __init__(self, usual: bytes) -> None:
        self.usual = usual
        self.restored: list[str] = []

    def run(self, _node: str, argv: Sequence[str], stdin: bytes = b"", timeout: float = 60.0) -> Completed:
        del stdin, timeout
        if guest_memory.RESTORE in argv:
            self.restored.append(argv[-1])
        return Completed(0, self.usual, b"")


@pytest.fixture
def memory(tmp_path: Path) -> Path:
    path = tmp_path / "mail.ram"
    path.write_bytes(b"1" * (1 << 20))
    return path


def test_a_guest_that_keeps_little_is_not_waited_for(memory: Path) -> None:
    guest = Guest(b"")
    guest_memory.release(guest.run, "mail", memory)
    assert guest.restored == []


def test_what_was_lowered_is_put_back_after_the_last_hole(memory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guest_memory, "QUIET", 0.2)
    monkeypatch.setattr(guest_memory, "PAUSE", 0.01)
    hole = threading.Timer(0.1, lambda: memory.write_bytes(b"1"))
    hole.start()
    guest = Guest(b"9\n")
    guest_memory.release(guest.run, "mail", memory)
    hole.join(0)
    assert not hole.is_alive()
    assert guest.restored == ["9"]


def test_a_guest_that_reports_nothing_is_not_waited_for_long(memory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guest_memory, "DEADLINE", 0.1)
    guest = Guest(b"9\n")
    guest_memory.release(guest.run, "mail", memory)
    assert guest.restored == ["9"]
