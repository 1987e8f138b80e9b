"""A disk's size is the whole disk's, whichever part of it / lies on."""

import os
from pathlib import Path

import pytest

from proof.probes import hardware


@pytest.fixture
def block(tmp_path: Path) -> str:
    disk = tmp_path / "devices" / "vda"
    part = disk / "vda2"
    part.mkdir(parents=True)
    (disk / "size").write_text("156250000\n")
    (part / "size").write_text("100\n")
    (part / "partition").write_text("2\n")
    known = tmp_path / "block"
    known.mkdir()
    (known / "254:0").symlink_to(disk)
    (known / "254:2").symlink_to(part)
    return str(known)


@pytest.mark.parametrize("minor", [0, 2])
def test_a_partition_counts_as_its_disk(block: str, minor: int) -> None:
    assert hardware.disk_size(os.makedev(254, minor), block) == 80 * 10**9
