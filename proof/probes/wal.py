"""Whether archived WAL is WAL: the pages of segments as PostgreSQL's xlog_internal.h has them; runs on the host."""

import os
import re
import struct
from pathlib import Path

NAME = re.compile("[0-9A-F]{24}")
PAGE = 8192
HEADER = struct.Struct("<HHIQ")  # magic, flags, timeline, address of the page
SYSTEM = struct.Struct("<Q")  # number of the cluster, in the first page of a segment
SYSTEM_AT = 24
LONG = 0x0002  # flag of a segment's first page
A_LOG = 256  # segments of 16 MiB in the part of WAL that the middle of a name counts
NEWEST = 64  # segments that are looked at


def damaged(folder: str) -> "tuple[int, list[str]]":
    """Number of the newest segments that were looked at, and a sentence for each that cannot be read again."""
    segments = sorted(entry for entry in Path(folder).iterdir() if NAME.fullmatch(entry.name))[-NEWEST:]
    told = [f"{path.name}: {why}" for path in segments if (why := _why(path))]
    return len(segments), told


def _why(path: Path) -> str:
    """What is wrong with a segment; empty if nothing is. One that ends early has nothing but zeros after its end."""
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        low = int(path.name[16:], 16)
        start = (int(path.name[8:16], 16) << 32) + low * size
        magic, flags, _, address = HEADER.unpack(file.read(HEADER.size).ljust(HEADER.size, b"\0"))
        if magic == 0:
            return "its first page is empty"
        if not flags & LONG or address != start:
            return "its first page is not that of this segment"
        for offset in range(PAGE, size, PAGE):
            file.seek(offset)
            head = file.read(HEADER.size)
            if head == bytes(HEADER.size):
                file.seek(offset)
                return "" if not file.read().strip(b"\0") else f"a page at {offset} is empty, and later ones are not"
            found, _, _, address = HEADER.unpack(head)
            if (found, address) != (magic, start + offset):
                return f"the page at {offset} is not WAL of this segment"
    return ""


def broken_chain(folder: str, start: str, system: int, timeline: int) -> "list[str]":
    """Why a recovery would not get from a backup to the newest segment, a sentence each.

    Args:
        folder: the archive.
        start: name of the segment where the oldest backup starts.
        system: number of the cluster that the WAL must be of.
        timeline: the cluster's own.
    """
    entries = sorted(Path(folder).iterdir())
    segments = {_place(path): path for path in entries if NAME.fullmatch(path.name)}
    first = _place(Path(folder, start))
    told = [f"{path.name} is WAL of another cluster" for path in segments.values() if _system(path) != system]
    missing = [place for place in range(first, max(segments, default=first) + 1) if place not in segments]
    told += [f"{_named(start, place)} is missing" for place in missing[:NEWEST]]
    histories = (path for path in entries if path.suffix == ".history")
    told += [f"{path.name} leads away from the cluster" for path in histories if int(path.stem, 16) > timeline]
    return told


def _place(path: Path) -> int:
    """Where a segment of the usual size is in all of WAL, counted in segments."""
    return int(path.name[8:16], 16) * A_LOG + int(path.name[16:24], 16)


def _named(start: str, place: int) -> str:
    return f"{start[:8]}{place // A_LOG:08X}{place % A_LOG:08X}"


def _system(path: Path) -> int:
    with path.open("rb") as file:
        file.seek(SYSTEM_AT)
        number: int = SYSTEM.unpack(file.read(SYSTEM.size).ljust(SYSTEM.size, b"\0"))[0]
        return number
