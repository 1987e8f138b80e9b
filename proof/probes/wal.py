"""Whether archived WAL is WAL: the pages of segments as PostgreSQL's xlog_internal.h has them; runs on the host."""

import os
import re
import struct
from pathlib import Path

NAME = re.compile("[0-9A-F]{24}")
PAGE = 8192
HEADER = struct.Struct("<HHIQ")  # magic, flags, timeline, address of the page
LONG = 0x0002  # flag of a segment's first page
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
