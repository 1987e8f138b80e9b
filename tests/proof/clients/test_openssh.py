import os
from pathlib import Path

import pytest

from proof.clients.openssh import Admin
from proof.evidence.recorder import Recorder
from proof.evidence.run_folder import RunFolder
from proof.hosts.target import Target

SSH = """#!/bin/sh
printf '%s\\n' "$@"
case "$*" in
*sleep*) sleep 30 & wait ;;
*root@*|*"-l root"*) echo 'root@host: Permission denied (publickey).' >&2; exit 255 ;;
esac
"""


@pytest.fixture
def recorder(tmp_path: Path) -> Recorder:
    return Recorder(RunFolder.at(tmp_path / "run"))


@pytest.fixture
def admin(tmp_path: Path, recorder: Recorder, monkeypatch: pytest.MonkeyPatch) -> Admin:
    ssh = tmp_path / "ssh"
    ssh.write_text(SSH)
    ssh.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    values = {"admin_user": "phalkonadmin", "vpn_address": "10.100.0.25", "ssh_port": 2288}
    return Admin(Target("lab", values, tmp_path / "ssh_config", True), recorder)


def test_a_login_goes_the_administrators_way_and_is_evidence(admin: Admin, recorder: Recorder) -> None:
    login = admin.login(command=["sudo", "-n", "sh", "-c", "id -u; true"])
    words = login.stdout.splitlines()
    assert words[0] == "-F"
    assert words[-6:] == ["2288", "-l", "phalkonadmin", "10.100.0.25", "--", "sudo -n sh -c 'id -u; true'"]
    assert login.accepted
    assert not login.denied
    assert recorder.outside[0].place == "admin"


def test_a_refusal_is_not_an_error(admin: Admin) -> None:
    login = admin.login(user="root")
    assert (login.exit_status, login.denied, login.accepted) == (255, True, False)


def test_a_login_that_hangs_is_ended_with_its_children(admin: Admin) -> None:
    login = admin.login(command=["sleep"], timeout=0.3)
    assert login.timed_out
    assert (login.accepted, login.denied) == (False, False)
    assert login.seconds < 5
