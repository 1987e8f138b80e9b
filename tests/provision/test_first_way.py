"""first_way.sh, which looks for a login: what it prints, and how it tells why there is none."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from lab.paths import PROVISION
from proof import process
from proof.process import Finished

SCRIPT = PROVISION / "roles" / "reach" / "files" / "first_way.sh"
WAYS = ("admin@host:2288", "root@host:22")
KEYS_ONLY, PASSWORD = "Permission denied (publickey).", "Permission denied (publickey,password)."
Find = Callable[[dict[str, str]], Finished]


@pytest.fixture
def find(tmp_path: Path) -> Find:
    """Looks for a way where ssh refuses these accounts with these words, and lets in the others."""

    def perform(refused: dict[str, str]) -> Finished:
        ssh = tmp_path / "ssh"
        cases = "\n".join(
            f"*' {account}@host '*) echo '{words}' >&2; exit 255 ;;" for account, words in refused.items()
        )
        ssh.write_text(f'#!/bin/bash\n[[ " $* " != *" -O "* ]] || exit 255\ncase " $* " in\n{cases}\nesac\n')
        ssh.chmod(0o755)
        programs = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}", "HOME": str(tmp_path)}
        return process.run(["bash", str(SCRIPT), "5", *WAYS, "--", "-o", "BatchMode=yes"], timeout=30, env=programs)

    return perform


def test_the_first_way_that_works_is_printed(find: Find) -> None:
    assert find({}).stdout == "admin@host:2288\n"
    assert find({"admin": PASSWORD}).stdout == "root@host:22\n"


def test_each_way_that_does_not_work_is_told(find: Find) -> None:
    done = find({"admin": "Connection refused", "root": KEYS_ONLY})
    assert (done.exit_status, done.stdout) == (1, "")
    assert done.stderr.splitlines() == ["admin@host:2288: Connection refused", f"root@host:22: {KEYS_ONLY}"]


def test_a_host_that_would_take_a_password_is_told_apart(find: Find) -> None:
    assert find({"admin": "Connection refused", "root": PASSWORD}).exit_status == 3


def test_wrong_use_shows_how_to_use_it() -> None:
    done = process.run(["bash", str(SCRIPT)], timeout=30)
    assert done.exit_status == 2
    assert "3 none works, but the host would take a password" in done.stderr
