"""One run at a time uses the lab; a mark shows that a lab was changed and not reset yet."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lab import locks
from lab.progress import step


def mark(root: Path) -> Path:
    """The file that exists while the lab of a checkout is not as a reset leaves it."""
    return root / ".lab" / "touched"


def touch(root: Path) -> None:
    """Mark the lab as no longer in its reset state, before it changes: a run that is killed leaves the mark."""
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
