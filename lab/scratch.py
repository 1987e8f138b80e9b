"""Scratch folders, so that results appear whole or not at all, even if a process is killed.

The maker of such a folder holds its lock, which ends with the process. A folder without a holder is what a killed run
left, and the next run removes it.
"""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from lab.locks import hold


@contextmanager
def folder(home: Path, prefix: str, remove: Callable[[Path], None] = shutil.rmtree) -> Iterator[Path]:
    """A new folder in `home` that is removed at the end, and before it what killed runs left there.

    Args:
        home: an existing folder.
        prefix: beginning of the name; the same for all that do this work.
        remove: removes such a folder with all that the work leaves in it.
    """
    with hold(home):
        sweep(home, prefix, remove)
        made = Path(tempfile.mkdtemp(prefix=prefix, dir=home))
        held = os.open(made, os.O_RDONLY)
        fcntl.flock(held, fcntl.LOCK_EX)
    try:
        yield made
    finally:
        remove(made)
        os.close(held)


def sweep(home: Path, prefix: str, remove: Callable[[Path], None] = shutil.rmtree) -> None:
    """Remove the folders of that prefix that no living process holds. Call it with `home` locked."""
    for left in home.glob(f"{prefix}*"):
        try:
            with hold(left, fcntl.LOCK_EX | fcntl.LOCK_NB):
                remove(left)
        except (BlockingIOError, FileNotFoundError):
            continue
