"""The machine's size as its kernel reports it; runs on the host."""

import os
from pathlib import Path
from typing import TypedDict

SECTOR = 512  # what the kernel counts a disk's size in, whatever the disk's own sectors


class Hardware(TypedDict):
    """Processors at work; memory, without what the kernel keeps to itself, and the disk below /, in bytes."""

    processors: int
    memory: int
    disk: int


def disk_size(device: int, known: str = "/sys/dev/block") -> int:
    """Bytes of the whole disk that a device number, of a disk or of a partition, belongs to."""
    found = (Path(known) / f"{os.major(device)}:{os.minor(device)}").resolve()
    whole = found.parent if (found / "partition").exists() else found
    return int((whole / "size").read_text()) * SECTOR


def measure() -> Hardware:
    """Look it up."""
    return {
        "processors": os.sysconf("SC_NPROCESSORS_ONLN"),
        "memory": os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"),
        "disk": disk_size(Path("/").stat().st_dev),
    }
