"""Memory goes through a real zstd."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from lab import stored_memory
from lab.errors import LabError

HOLE = 4 << 20
MEMORY = os.urandom(1 << 20) + bytes(HOLE) + os.urandom(1 << 16)

pytestmark = pytest.mark.skipif(not shutil.which("zstd"), reason="zstd is not installed")


@pytest.fixture
def stored(tmp_path: Path) -> Path:
    (tmp_path / "mail.ram").write_bytes(MEMORY)
    stored_memory.write(tmp_path / "mail.ram", tmp_path / "mail.ram.zst")
    return tmp_path / "mail.ram.zst"


def test_what_is_read_is_bit_for_bit_what_was_written(stored: Path, tmp_path: Path) -> None:
    file = tmp_path / "mail.ram"
    file.write_bytes(b"of an earlier lab")
    stored_memory.read(stored, file)
    assert file.read_bytes() == MEMORY
    assert file.stat().st_mode & 0o777 == 0o600
    assert stored.stat().st_size < len(MEMORY) - HOLE + 4096


def test_zeros_take_no_room(stored: Path, tmp_path: Path) -> None:
    file = tmp_path / "mail.ram"
    stored_memory.read(stored, file)
    assert file.stat().st_blocks * 512 <= len(MEMORY) - HOLE + (1 << 20)


@pytest.mark.parametrize("damage", [lambda text: text[:-5], lambda text: text[:9000] + b"\0\0" + text[9002:]])
def test_a_damaged_file_is_an_error_that_names_it(stored: Path, damage: Callable[[bytes], bytes]) -> None:
    stored.write_bytes(damage(stored.read_bytes()))
    with pytest.raises(LabError, match=r"mail\.ram\.zst failed"):
        stored_memory.read(stored, stored.with_name("mail.ram"))


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
def test_a_full_disk_is_named(tmp_path: Path) -> None:
    (tmp_path / "mail.ram").write_bytes(MEMORY)
    full = tmp_path / "mail.ram.zst"
    full.symlink_to("/dev/full")
    with pytest.raises(LabError, match="No space left on device") as error:
        stored_memory.write(tmp_path / "mail.ram", full)
    assert error.value.hint
