"""The machine's size as its kernel has it; runs on the host."""

import os
from pathlib import Path
from typing import TypedDict

SECTOR = 512  # what the kernel counts a disk's size in, whatever the disk's own sectors


class Hardware(TypedDict):
    """Processors at work; memory, without what the kernel keeps to itself, and the disk below /, in bytes."""

    processors: int
    memory: int
    disk: int


def measure() -> Hardware:
    """Look it up."""
    number = Path("/").stat().st_dev
    device = Path(f"/sys/dev/block/{os.major(number)}:{os.minor(number)}").resolve()
    whole = device.parent if (device / "partition").exists() else device
    return {
        "processors": os.sysconf("SC_NPROCESSORS_ONLN"),
        "memory": os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"),
        "disk": int((whole / "size").read_text()) * SECTOR,
    }
