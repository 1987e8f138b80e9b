"""Locks of files and folders. A lock ends with its process, so a killed run leaves none behind."""

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path


@contextmanager
def hold(path: Path, how: int = fcntl.LOCK_EX) -> Iterator[None]:
    """Hold the lock of an existing file or folder.

    Raises:
        BlockingIOError: `how` contains LOCK_NB, and another process holds the lock.
    """
    descriptor = os.open(path, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, how)
        yield
    finally:
        os.close(descriptor)


@contextmanager
def exclusive(path: Path, waiting: Callable[[], AbstractContextManager[None]] = nullcontext) -> Iterator[None]:
    """Hold the exclusive lock of a file, which is made with its folder if it is missing.

    Args:
        path: the lock file. Its holder may remove it; the next one then makes it again.
        waiting: a context for the time in which another process holds the lock.
    """
    while True:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                with waiting():
                    fcntl.flock(descriptor, fcntl.LOCK_EX)
            if path.exists() and path.stat().st_ino == os.fstat(descriptor).st_ino:
                yield
                return
        finally:
            os.close(descriptor)
