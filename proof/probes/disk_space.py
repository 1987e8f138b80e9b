"""Used space of a disk; runs on the host."""

import shutil


def used(path: str) -> list[int]:
    """Bytes that are used, and that there are, of the file system of a path."""
    found = shutil.disk_usage(path)
    return [found.used, found.total]
