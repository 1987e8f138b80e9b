"""Who is at work with packages, as the role packages asks before it installs any."""

import fcntl
import importlib.util
import os
from pathlib import Path
from types import ModuleType

import pytest

from lab.paths import PROVISION


@pytest.fixture
def module() -> ModuleType:
    path = PROVISION / "roles/packages/files/lock_holders.py"
    spec = importlib.util.spec_from_file_location("lock_holders", path)
    assert spec is not None
    assert spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


def test_the_holder_of_a_lock_is_named_and_whoever_waits_for_it_is_not(module: ModuleType, tmp_path: Path) -> None:
    lock = tmp_path / "lock-frontend"
    with lock.open("w") as held:
        fcntl.lockf(held, fcntl.LOCK_EX)
        found = module.holders(Path("/proc/locks").read_text(), (str(lock), str(tmp_path / "none")))
        assert len(found) == 1
        assert found[0].endswith(f"(process {os.getpid()}) holds {lock}")
    assert module.holders(Path("/proc/locks").read_text(), (str(lock),)) == []


def test_a_lock_that_is_waited_for_has_another_form(module: ModuleType, tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    lock.touch()
    waiting = f"1: -> POSIX  ADVISORY  WRITE 77 08:01:{lock.stat().st_ino} 0 EOF\n"
    assert module.holders(waiting, (str(lock),)) == []
