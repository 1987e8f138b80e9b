"""Packages are named before root is asked for, and where root cannot be had the exact commands are."""

import sys
from collections.abc import Sequence
from types import SimpleNamespace

import pytest

from lab.bootstrap import apt_sources, install, requirements, stage
from lab.bootstrap.apt_sources import Source
from lab.bootstrap.requirements import Need
from lab.errors import LabError

QEMU = Need("qemu-system-x86", "runs the two machines", lambda: False)
SHELLCHECK = Need("shellcheck", "lints the shell scripts", lambda: False)
MIRROR = Source(("http://mirror.example/debian",), ("bookworm",), ("main",), {"signed-by": "/k.gpg"})


class Machine:
    """A machine without any of its effects: what would run as root is collected."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, codename: str = "bookworm") -> None:
        self.performed: list[list[str]] = []
        self.answers = {"madison": "qemu-system-x86 | 1:10.0.2+ds-2 | mirror\n"}
        monkeypatch.setattr(install, "_codename", lambda: codename)
        monkeypatch.setattr(apt_sources, "read", lambda: (MIRROR,))
        monkeypatch.setattr(stage, "run", self._stage)
        monkeypatch.setattr("subprocess.run", self._run)
        monkeypatch.setattr("shutil.which", lambda name: f"/usr/bin/{name}")
        monkeypatch.setattr("os.geteuid", lambda: 0)
        monkeypatch.setattr(sys, "stdin", SimpleNamespace(isatty=lambda: False))

    def _stage(self, _title: str, command: Sequence[str], _expected: float, _stdin: str = "") -> None:
        self.performed.append(list(command))

    def _run(self, command: Sequence[str], **_: object) -> SimpleNamespace:
        said = next((answer for word, answer in self.answers.items() if word in command), "")
        return SimpleNamespace(stdout=said, returncode=0 if said != "refused" else 1)


def test_on_debian_12_only_qemu_comes_from_backports(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine(monkeypatch)
    install.packages((QEMU, SHELLCHECK))
    add, update, newer, usual = machine.performed
    assert add[0] == "tee"
    assert update[-1] == "update"
    assert newer[-3:] == ["-t", "bookworm-backports", "qemu-system-x86"]
    assert usual[-2:] == ["install", "shellcheck"]


def test_elsewhere_nothing_is_added_to_the_sources(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine(monkeypatch, codename="trixie")
    install.packages((QEMU, SHELLCHECK))
    assert [command[-1] for command in machine.performed] == ["update", "shellcheck"]
    assert "-t" not in machine.performed[-1]


def test_the_packages_are_named(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    Machine(monkeypatch)
    install.packages((QEMU, SHELLCHECK))
    said = capsys.readouterr().out
    assert "qemu-system-x86" in said
    assert "from bookworm-backports" in said
    assert "lints the shell scripts" in said


def test_an_interrupted_dpkg_is_finished_first(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine(monkeypatch, codename="trixie")
    machine.answers["--audit"] = "qemu-utils is half configured"
    install.packages((SHELLCHECK,))
    assert machine.performed[0] == ["dpkg", "--configure", "-a"]


def test_a_release_with_an_old_qemu_is_refused_before_anything_is_installed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    machine = Machine(monkeypatch, codename="jammy")
    machine.answers["madison"] = "qemu-system-x86 | 1:6.2+dfsg-2ubuntu6 | mirror\n"
    with pytest.raises(LabError, match=r"nothing newer than 6\.2"):
        install.packages((QEMU,))
    assert [command[-1] for command in machine.performed] == ["update"]


def test_without_root_and_sudo_the_commands_are_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine(monkeypatch)
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    monkeypatch.setattr("shutil.which", lambda name: None if name == "sudo" else f"/usr/bin/{name}")
    with pytest.raises(LabError) as caught:
        install.packages((QEMU, SHELLCHECK))
    assert "no sudo" in caught.value.what
    assert "URIs: http://mirror.example/debian" in caught.value.hint
    assert "install shellcheck" in caught.value.hint
    assert not machine.performed


def test_an_ordinary_user_without_a_terminal_uses_sudo_without_a_question(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    machine = Machine(monkeypatch, codename="trixie")
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    install.packages((SHELLCHECK,))
    assert all(command[:2] == ["sudo", "-n"] for command in machine.performed)


def test_a_sudo_that_refuses_is_reported_with_the_commands(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine(monkeypatch, codename="trixie")
    machine.answers["sudo"] = "refused"
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    with pytest.raises(LabError, match="sudo did not let us"):
        install.packages((SHELLCHECK,))


@pytest.mark.parametrize(("ci", "asked"), [("true", False), ("", True)])
def test_a_person_is_asked_and_ci_is_not(monkeypatch: pytest.MonkeyPatch, ci: str, asked: bool) -> None:
    machine = Machine(monkeypatch, codename="trixie")
    questions: list[str] = []
    monkeypatch.setenv("CI", ci)
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(isatty=lambda: True))

    def answer(question: str) -> str:
        questions.append(question)
        return "n"

    monkeypatch.setattr("builtins.input", answer)
    if asked:
        with pytest.raises(LabError, match="Nothing was installed"):
            install.packages((SHELLCHECK,))
        assert not machine.performed
    else:
        install.packages((SHELLCHECK,))
    assert bool(questions) is asked


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("QEMU emulator version 10.0.2 (Debian 1:10.0.2+ds-2)", (10, 0)),
        ("1:7.2+dfsg-7+deb12u18", (7, 2)),
        (" 1:8.2.2+ds-0ubuntu1.7 ", (8, 2)),
        ("qemu-img: not found", None),
    ],
)
def test_versions_are_read_out_of_what_programs_and_apt_say(text: str, version: tuple[int, int] | None) -> None:
    assert requirements.version_in(text) == version
