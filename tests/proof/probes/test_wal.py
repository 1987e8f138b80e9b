"""Archived WAL, as far as its pages show that it can be read again."""

from pathlib import Path

import pytest

from proof.probes import wal

PAGES = 4
SIZE = PAGES * wal.PAGE
NAME = "000000010000000000000003"


def page(number: int, *, address: int | None = None) -> bytes:
    flags = wal.LONG if number == 0 else 0
    where = 3 * SIZE + number * wal.PAGE if address is None else address
    return wal.HEADER.pack(0xD116, flags, 1, where).ljust(wal.PAGE, b"x")


def told(folder: Path, *pages: bytes) -> list[str]:
    (folder / NAME).write_bytes(b"".join(pages))
    seen, found = wal.damaged(str(folder))
    assert seen == 1
    return found


EMPTY = bytes(wal.PAGE)


def test_a_whole_segment_and_one_that_ended_early_can_be_read(tmp_path: Path) -> None:
    assert told(tmp_path, *(page(number) for number in range(PAGES))) == []
    assert told(tmp_path, page(0), page(1), EMPTY, EMPTY) == []


@pytest.mark.parametrize(
    ("pages", "why"),
    [
        ([EMPTY, EMPTY, page(2), page(3)], "its first page is empty"),
        ([page(0, address=1), page(1), page(2), page(3)], "not that of this segment"),
        ([page(1, address=3 * SIZE), page(1), page(2), page(3)], "not that of this segment"),
        ([page(0), EMPTY, page(2), page(3)], "a page at 8192 is empty, and later ones are not"),
        ([page(0), page(1), page(2, address=7), page(3)], "the page at 16384 is not WAL"),
    ],
)
def test_what_ends_a_recovery_is_told(tmp_path: Path, pages: list[bytes], why: str) -> None:
    (found,) = told(tmp_path, *pages)
    assert found.startswith(NAME)
    assert why in found


def archive(folder: Path, *names: str, system: int = 77) -> None:
    for name in names:
        head = bytes(wal.SYSTEM_AT) + wal.SYSTEM.pack(system)
        (folder / name).write_bytes(head if len(name) == 24 else b"")


def test_a_recovery_needs_every_segment_of_one_cluster_from_the_backup_on(tmp_path: Path) -> None:
    names = [f"00000001000000000000{number:04X}" for number in (0xFE, 0xFF)]
    archive(tmp_path, *names, "000000010000000100000000", "00000001.history")
    assert wal.broken_chain(str(tmp_path), names[0], 77, 1) == []
    assert wal.broken_chain(str(tmp_path), "0000000100000000000000FC", 77, 1) == [
        "0000000100000000000000FC is missing",
        "0000000100000000000000FD is missing",
    ]
    archive(tmp_path, "000000010000000100000003", system=78)
    archive(tmp_path, "00000002.history")
    assert wal.broken_chain(str(tmp_path), names[1], 77, 1) == [
        "000000010000000100000003 is WAL of another cluster",
        "000000010000000100000001 is missing",
        "000000010000000100000002 is missing",
        "00000002.history leads away from the cluster",
    ]


def test_an_empty_archive_lacks_where_the_backup_starts(tmp_path: Path) -> None:
    assert wal.broken_chain(str(tmp_path), NAME, 77, 1) == [f"{NAME} is missing"]
