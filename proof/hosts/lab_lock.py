"""Who has the lab: one run at a time, and a mark on a lab that someone broke and has not reset yet."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lab import locks
from lab.progress import step


def mark(root: Path) -> Path:
    """File that is there while the lab of a checkout is not in its reset state."""
    return root / ".lab" / "touched"


def touch(root: Path) -> None:
    """Mark the lab as no longer in its reset state: also a run that is killed from here on has said so."""
    mark(root).parent.mkdir(exist_ok=True)
    mark(root).touch()


def was_reset(root: Path) -> None:
    """Take the mark away."""
    mark(root).unlink(missing_ok=True)


@contextmanager
def alone(root: Path) -> Iterator[None]:
    """Hold the lab of a checkout while the body runs; waits for another run that holds it."""
    with locks.exclusive(root / ".lab" / "proving", lambda: step("Waiting for another run against this lab")):
        yield
