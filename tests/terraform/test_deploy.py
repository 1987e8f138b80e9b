"""deploy.sh where no Terraform is needed to know what it does; with the real one it is proved by feature 1.1.1."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from lab.paths import PROVISION, TERRAFORM
from lab.waiting import wait_until
from proof import process
from proof.deployment import terraform
from proof.process import Finished
from proof.vultr.account import Account
from proof.vultr.api import Api
from proof.vultr.endpoint import Endpoint

# Stands in for Terraform: has made the server, which never becomes active.
PENDING = """#!/bin/sh
echo "$@" >>"$HOME/calls"
case "$1 $4" in
"output status") echo pending ;;
"output server_status") echo none ;;
"show "*) echo '{"resource_changes": []}' ;;
esac
"""

# Stands in for Terraform: starts, and writes its state when it is interrupted.
SLOW = """#!/bin/sh
trap 'echo "wrote the state" >>"$HOME/calls"; exit 1' INT
echo "$$ $1" >>"$HOME/calls"
while kill -0 $PPID; do sleep 0.1; done
"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    terraform.lay_out(tmp_path, TERRAFORM, PROVISION)
    (tmp_path / "bin").mkdir()
    for program in (
        "bash",
        "cat",
        "chmod",
        "cp",
        "dirname",
        "find",
        "grep",
        "mkdir",
        "mktemp",
        "mv",
        "rm",
        "sed",
        "sleep",
    ):
        (tmp_path / "bin" / program).symlink_to(shutil.which(program) or program)
    (tmp_path / "bin" / "python3").symlink_to(sys.executable)
    (tmp_path / "terraform" / "terraform.tfvars").write_text('region = "dfw"\n')
    return tmp_path


def put_terraform(home: Path, script: str) -> None:
    (home / "bin" / "terraform").write_text(script)
    (home / "bin" / "terraform").chmod(0o755)


def deploy(home: Path, *options: str, key: str = "THE-KEY") -> Finished:
    environment = {"PATH": str(home / "bin"), "HOME": str(home), "VULTR_API_KEY": key}
    tls = Path(tempfile.mkdtemp(dir=home))
    with Endpoint(Api("THE-KEY", Account()), tls) as endpoint:
        return process.run(
            [str(home / "terraform" / "deploy.sh"), *options], timeout=60, env={**environment, **endpoint.environment}
        )


@pytest.mark.parametrize("options", [["--yes"], ["now"], ["--timeout"], ["--timeout", "soon"], ["--timeout", "0"]])
def test_wrong_use_shows_how_to_use_it(home: Path, options: list[str]) -> None:
    put_terraform(home, PENDING)
    done = deploy(home, *options)
    assert (done.exit_status, done.stdout) == (2, "")
    assert done.stderr.startswith("usage:")
    assert not (home / "calls").exists()


def test_help_is_no_error(home: Path) -> None:
    done = deploy(home, "--help", key="")
    assert (done.exit_status, done.stderr) == (0, "")
    assert "exit status:" in done.stdout


def test_a_missing_key_is_one_line_before_any_call(home: Path) -> None:
    put_terraform(home, PENDING)
    done = deploy(home, key="")
    assert (done.exit_status, done.stdout) == (3, "")
    assert done.stderr == "deploy.sh: VULTR_API_KEY is not set. Nothing was asked of Vultr.\n"
    assert not (home / "calls").exists()


def test_missing_terraform_and_missing_settings_are_reported(home: Path) -> None:
    assert "terraform is not installed" in deploy(home).stderr
    put_terraform(home, PENDING)
    (home / "terraform" / "terraform.tfvars").unlink()
    done = deploy(home)
    assert done.exit_status == 3
    assert "terraform.tfvars.example" in done.stderr
    assert not (home / "calls").exists()


def test_a_server_that_stays_inactive_is_not_told_to_the_inventory(home: Path) -> None:
    put_terraform(home, PENDING)
    done = deploy(home, "--timeout", "1")
    assert done.exit_status == 7, done
    assert "'pending, none, without an IPv6 address' after 1 s" in done.stderr
    assert not (home / "provision/inventory/group_vars/production").exists()
    assert not list((home / "terraform/secrets").iterdir())


def test_a_plan_that_cannot_be_read_is_not_taken_for_one_without_work(home: Path) -> None:
    put_terraform(home, '#!/bin/sh\n[ "$1" != show ] || echo nonsense\n')
    done = deploy(home)
    assert done.exit_status == 1
    assert "Nothing is to be done" not in done.stdout


def test_no_log_of_terraforms_can_show_the_key(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    del monkeypatch
    put_terraform(home, '#!/bin/sh\nenv >>"$HOME/calls"\nexit 1\n')
    environment = {
        "PATH": str(home / "bin") + ":/usr/bin:/bin",
        "HOME": str(home),
        "VULTR_API_KEY": "K",
        "TF_LOG": "trace",
    }
    done = process.run(
        ["bash", "-x", str(home / "terraform" / "deploy.sh")], timeout=60, env={**os.environ, **environment}
    )
    assert done.exit_status == 1
    assert "VULTR_API_KEY=K" in (home / "calls").read_text()
    assert "TF_LOG" not in (home / "calls").read_text()
    assert "VULTR_API_KEY" not in done.stdout + done.stderr


def test_terraform_gets_one_interrupt_and_time_to_write_its_state(home: Path) -> None:
    put_terraform(home, SLOW)
    done = deploy(home, "--timeout", "1")
    assert done.exit_status == 6, done
    assert "out of time: Vultr took more than 1 s" in done.stderr
    assert (home / "calls").read_text().splitlines()[1:] == ["wrote the state"]


def test_nothing_of_a_killed_run_goes_on(home: Path) -> None:
    put_terraform(home, SLOW)
    script = str(home / "terraform" / "deploy.sh")
    environment = {"PATH": str(home / "bin"), "HOME": str(home), "VULTR_API_KEY": "THE-KEY"}
    run = subprocess.Popen([script], env=environment, stderr=subprocess.PIPE)
    wait_until((home / "calls").exists, "Terraform to start", 10)
    os.kill(run.pid, signal.SIGKILL)
    run.wait()

    def left() -> list[str]:
        return [str(one) for one in Path("/proc").glob("[0-9]*/cmdline") if script.encode() in content(one)]

    wait_until(lambda: not left(), "the last process of deploy.sh to end", 10)


def content(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError:  # the process has ended
        return b""
