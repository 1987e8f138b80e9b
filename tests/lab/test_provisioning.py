import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from lab import provisioning
from lab.errors import LabError

RECAP = """\
TASK [Ask] *****
ok: [mail]

PLAY RECAP *********************************************************************
hub                        : ok=9    changed=9    unreachable=0    failed=0    skipped=0    rescued=0    ignored=0
mail                       : ok=12   changed=3    unreachable=0    failed=1    skipped=2    rescued=0    ignored=0
"""


@pytest.fixture
def ansible(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    """Gives a shell script as ansible-playbook. Returns the playbook to apply."""
    root = tmp_path / "a checkout, mine"
    (root / "provision" / "inventory").mkdir(parents=True)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    for name, path in {
        "ROOT": root,
        "PROVISION": root / "provision",
        "INVENTORY": root / "provision/inventory",
    }.items():
        monkeypatch.setattr(provisioning, name, path)

    def give(script: str) -> Path:
        program = tmp_path / "ansible-playbook"
        program.write_text(f"#!/bin/bash\n{script}\n")
        program.chmod(0o755)
        playbook = root / "provision" / "task_1.2.1.yml"
        playbook.touch()
        return playbook

    return give


def test_a_play_reports_its_counts_and_who_changed_something() -> None:
    said = (
        "TASK [users : Create the administrator] ****\nchanged: [mail]\n"
        "TASK [users : Lock the password] ****\nok: [mail]\n"
        "RUNNING HANDLER [sshd : Reload] ****\nchanged: [mail]\n"
        "PLAY RECAP ****\n"
        "mail                       : ok=3    changed=2    unreachable=0    failed=0    skipped=1\n"
    )
    result = provisioning.parse(said, 0)
    assert (result.ok, result.changed, result.failed) == (3, 2, 0)
    assert result.changed_tasks == ("users : Create the administrator", "sshd : Reload")
    assert provisioning.parse("nothing", 4).ok == 0


def test_the_last_recap_of_mail_counts() -> None:
    result = provisioning.parse("mail : ok=1 changed=1\n" + RECAP, 2)
    assert (result.ok, result.changed, result.failed) == (12, 3, 1)


@pytest.mark.parametrize("said", ["", "mail: changed the world", "fatal: [mail]: UNREACHABLE!"])
def test_no_recap_no_counts(said: str) -> None:
    assert provisioning.parse(said, 0).ok == 0


def test_no_one_elses_settings_reach_ansible(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANSIBLE_STRATEGY", "debug")
    monkeypatch.setenv("LANG", "C.UTF-8")
    environment = provisioning.environment()
    assert environment["ANSIBLE_STRATEGY"] == "mitogen_linear"
    monkeypatch.setenv("MAIL_LAB_ANSIBLE_STRATEGY", "linear")
    assert provisioning.environment()["ANSIBLE_STRATEGY"] == "linear"
    assert environment["ANSIBLE_CONFIG"].endswith("provision/ansible.cfg")
    assert environment["LANG"] == "C.UTF-8"


def test_a_playbook_is_applied_to_a_target(ansible: Callable[[str], Path], tmp_path: Path) -> None:
    """By relative paths: Ansible takes a path with a comma for a list of hosts."""
    playbook = ansible(
        f'printf \'%s\\n\' "$PWD" "${{@:1:4}}"; cat "${{5#@}}"; echo; cat; cat >&2 <<\'END\'\n{RECAP}END\nexit 2'
    )
    play = provisioning.apply([playbook], "lab", tmp_path / "logs" / "log", {"key": "a b"})
    assert (play.exit_status, play.ok, play.changed, play.failed) == (2, 12, 3, 1)
    assert play.stdout.splitlines()[:6] == [
        str(tmp_path / "a checkout, mine"),
        *("-i", "provision/inventory/lab.yml", "provision/task_1.2.1.yml"),
        "--extra-vars",
        '{"key": "a b"}',
    ]
    assert (tmp_path / "logs" / "log").read_text() == play.stdout


def test_the_first_password_is_an_answer_and_no_argument(ansible: Callable[[str], Path], tmp_path: Path) -> None:
    playbook = ansible('echo "${@:4}"; read -r one; read -r two; echo "$one $two"; env | grep -c secret')
    play = provisioning.apply([playbook], "lab", tmp_path / "log", first_password="secret")  # noqa: S106
    assert play.stdout.splitlines() == ["--ask-pass --ask-become-pass", "secret secret", "0"]


def test_a_playbook_that_takes_too_long_is_ended(ansible: Callable[[str], Path], tmp_path: Path) -> None:
    play = provisioning.apply([ansible("exec sleep 60")], "lab", tmp_path / "log", timeout=0.2)
    assert (play.exit_status, play.stdout) == (124, "\nAnsible was not done after 0 s.\n")


def test_the_settings_of_a_copy_hold_for_its_playbooks(ansible: Callable[[str], Path], tmp_path: Path) -> None:
    playbook = ansible('echo "$ANSIBLE_CONFIG"')
    play = provisioning.apply([playbook], "lab", tmp_path / "log", provision=tmp_path / "copy")
    assert play.stdout == f"{tmp_path}/copy/ansible.cfg\n"


def test_a_playbook_that_is_not_there_is_no_failure_of_a_host(ansible: Callable[[str], Path], tmp_path: Path) -> None:
    with pytest.raises(LabError, match="no playbook"):
        provisioning.apply([ansible("exit 1").with_name("task_9.yml")], "lab", tmp_path / "log")


def test_ansible_is_not_installed(ansible: Callable[[str], Path], tmp_path: Path) -> None:
    playbook = ansible("true")
    (tmp_path / "ansible-playbook").unlink()
    with pytest.raises(LabError, match="ansible-playbook is missing"):
        provisioning.apply([playbook], "lab", tmp_path / "log")


@pytest.mark.parametrize("trap", ["", "trap '' INT", "trap '' INT TERM"])
def test_an_interrupt_ends_ansible_with_its_children(
    ansible: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trap: str
) -> None:
    monkeypatch.setattr(provisioning, "SECONDS_TO_END", 0.2)
    playbook = ansible(f"{trap}\necho $$; sleep 60 & wait; sleep 60")
    log = tmp_path / "log"

    def interrupt(*_: object) -> None:
        if not log.exists() or not log.read_text():
            signal.setitimer(signal.ITIMER_REAL, 0.05)
            return
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.05)
        with pytest.raises(KeyboardInterrupt):
            provisioning.apply([playbook], "lab", log)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    deadline = time.monotonic() + 5
    while _group_lives(int(log.read_text())):
        assert time.monotonic() < deadline


def _group_lives(group: int) -> bool:
    """Whether a process of the group still runs; one that waits to be collected does not."""
    states = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, its_group = path.read_text().rpartition(")")[2].split()[:3]
        except (OSError, ValueError):
            continue
        if int(its_group) == group:
            states.append(state)
    return any(state != "Z" for state in states) and os.getpid() != group
