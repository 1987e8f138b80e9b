"""A project in a temporary folder, with a lab and hosts that only pretend."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from lab.agent import Completed
from lab.errors import LabError
from proof.hosts.connections import Connections
from proof.transport.errors import Unreachable
from proof.transport.spec import ConnectionSpec

FEATURE = """\
@task-1.2.1 @group-1.2 @milestone-1
Feature: 1.2.1 Sudo asks nobody

  Rule: Members become root

    Scenario: A member becomes root
      When the member asks
      Then the answer is root

    @disruptive
    Scenario: A new member becomes root
      Given a broken thing
      Then the answer is root

  Rule: Others do not

    Scenario Outline: <who> is refused
      When "<who>" asks
      Then the answer is refused

      Examples:
        | who    |
        | nobody |
        | daemon |
"""
SABOTAGE = """\
- name: somebody takes the rule away
  rule: Members become root
  run: rm /etc/sudoers.d/10-nopasswd-sudo
- name: somebody lets everyone in
  rule: Others do not
  run: echo all
"""
STEPS = """
from pytest_bdd import given, parsers, scenarios, then, when

scenarios("../features/task_1.2.1.feature")

@given("a broken thing")
def _(mail):
    mail.run("break it")

@when("the member asks", target_fixture="answer")
def _(mail):
    return mail.run("sudo -n id")

@when(parsers.parse('"{who}" asks'), target_fixture="answer")
def _(mail, who):
    return mail.run("refused " + who)

@then(parsers.parse("the answer is {expected}"))
def _(mail, expected):
    answer = mail.run("answer " + expected)
    assert answer == expected, f"the answer on mail is {answer}"
"""


VARIABLES = {
    "admin_user": "phalkonadmin",
    "postgres_data": "/data",
    "postgres_container": "c",
    "ssh_port": 2288,
    "vpn_address": "127.0.0.1",  # this machine is in that network, so the VPN is up
    "vpn_network": "127.0.0.0/8",
}


def listed(inventory: str, _root: Path) -> dict[str, Any]:
    """What Ansible would list of an inventory; only vultr has more than the host mail."""
    if inventory == "lab":
        return {"_meta": {"hostvars": {"mail": VARIABLES}}, "all": {"hosts": ["mail"]}}
    return {
        "_meta": {"hostvars": {"mail": VARIABLES, "mail-two": VARIABLES}},
        "all": {"children": ["production"]},
        "production": {"hosts": ["mail", "mail-two"]},
    }


@dataclass(frozen=True)
class Done(Completed):
    """What a pretended command returns."""

    exit_status: int = 0
    stdout: bytes = b"a line\n"
    stderr: bytes = b""


@dataclass
class FakeLab:
    """Remembers what it was asked to do; `dead` makes its out-of-band channel fail."""

    did: list[str] = field(default_factory=list)
    dead: bool = False
    broken_up: bool = False

    def up(self, at: str | None = None) -> None:
        if self.broken_up:
            raise LabError("QEMU is not there.", "apt install qemu")
        self.did.append(f"up at {at}" if at else "up")

    def running(self) -> bool:
        return True

    def reset(self) -> None:
        self.did.append("reset")

    def exec(self, node: str, argv: Sequence[str], stdin: bytes = b"", timeout: float = 60.0) -> Done:
        del stdin, timeout
        if self.dead:
            raise LabError(f"{node} does not answer out of band.")
        self.did.append(f"exec {node} {argv[0]}")
        return Done(stdout=f"{argv[0]} says so\n".encode())

    def reboot(self, node: str) -> None:
        self.did.append(f"reboot {node}")

    def power_cut(self, node: str) -> None:
        self.did.append(f"power cut {node}")

    def collect(self, folder: Path) -> None:
        (folder / "journal").write_text("collected")
        self.did.append("collect")

    def down(self) -> None:
        self.did.append("down")

    def origin(self) -> dict[str, str]:
        return {"box": "b0", "layer": "l0"}


@dataclass
class FakeHost:
    """Answers from `answers`, by the beginning of the command; an exception in there is raised."""

    name: str
    answers: dict[str, str | BaseException]
    record: Callable[[str, str, str], None]
    did: list[str]

    def close(self) -> None:
        self.did.append(f"close {self.name}")

    def abandon(self) -> None:
        self.did.append(f"abandon {self.name}")

    def greeting(self) -> dict[str, str]:
        if "greeting" in self.answers:
            raise unreachable()
        return {}

    def call(self, function: Callable[..., object], *_: object) -> object:
        answer = self.answers.get(function.__name__, {"system": "Debian GNU/Linux 13 (trixie)"})
        if isinstance(answer, BaseException):
            raise answer
        return answer

    def run(self, command: str) -> str:
        self.did.append(f"{self.name}: {command}")
        answer: str | BaseException = command.rsplit(" ", 1)[-1]
        for start, known in self.answers.items():
            if f"{self.name}: {command}".startswith(start) or command.startswith(start):
                answer = known
        if isinstance(answer, BaseException):
            raise answer
        self.record(self.name, command, answer)
        return answer


@dataclass
class Project:
    """The temporary project, and what its lab and hosts were asked to do."""

    pytester: pytest.Pytester
    lab: FakeLab
    answers: dict[str, str | BaseException]

    def write(self, path: str, text: str) -> Path:
        file = self.pytester.path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        return file

    def run(self, *arguments: str) -> pytest.RunResult:
        return self.pytester.runpytest_inprocess("-p", "no:cacheprovider", *arguments, no_reraise_ctrlc=True)

    @property
    def last(self) -> Path:
        return self.pytester.path / "build" / "runs" / "last"


def unreachable() -> Unreachable:
    return Unreachable(ConnectionSpec("phalkonadmin", "10.100.0.25", 2288, None, True, "mail"), "Connection refused")


def pretend(monkeypatch: pytest.MonkeyPatch, lab: FakeLab, answers: dict[str, str | BaseException]) -> None:
    """From now on there is this lab, and every host gives these answers."""

    def connect(connections: Connections, name: str) -> FakeHost:
        lab.did.append(f"connect {name}")
        recorder = connections._recorder

        def record(place: str, command: str, answer: str) -> None:
            recorder.command(place, command, exit_status=0, stdout=answer, stderr="", seconds=0.01)

        return FakeHost(name, answers, record, lab.did)

    monkeypatch.setattr("proof.hosts.target._ask_ansible", listed)
    monkeypatch.setattr("proof.hosts.recorded_lab.open_lab", lambda *_: lab)
    monkeypatch.setattr(Connections, "_connect", connect)


def make_project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Project:
    project = Project(pytester, FakeLab(), {})
    pretend(monkeypatch, project.lab, project.answers)
    pytester.makeini("[pytest]\naddopts = --strict-markers\ntestpaths = tests steps\n")
    project.write("conftest.py", 'pytest_plugins = ["proof.plugin.hooks"]\n')
    for name in ("lab", "vultr"):
        project.write(f"provision/inventory/{name}.yml", "all:\n  hosts:\n    mail:\n")
    project.write("features/task_1.2.1.feature", FEATURE)
    project.write("features/task_1.2.1.sabotage.yml", SABOTAGE)
    project.write("steps/test_task_1_2_1.py", STEPS)
    project.write("tests/test_unit.py", "def test_unit():\n    pass\n")
    return project
