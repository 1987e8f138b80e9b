"""The memory of a VM in a layer: the files that QEMU leaves or reads, through zstd.

zstd notes a checksum of the whole, so a file that was damaged is noticed before the VM runs. What is all zeros takes
no room, neither in the layer nor in memory.
"""

from pathlib import Path

from lab import tools

LEVEL = "-1"  # as quick as writing it plain, and a third of the size


def write(file: Path, stored: Path) -> None:
    """Write a file of a VM that is stopped into a layer. Raises LabError."""
    tools.run(["zstd", "--quiet", LEVEL, "--threads=0", "-o", stored, file], f"Writing {stored}")


def read(stored: Path, file: Path) -> None:
    """Read it back, in the place of what is there. Raises LabError."""
    file.unlink(missing_ok=True)
    tools.run(["zstd", "--quiet", "--decompress", "--sparse", "-o", file, stored], f"Reading {stored}")
    file.chmod(0o600)
