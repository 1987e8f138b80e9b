import errno
import json
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from lab import cli, doctor
from lab.agent import Completed
from lab.doctor import Finding
from lab.errors import LabError, UsageError
from lab.lab import Status
from proof.cli import EXTENSIONS
from tests.proof.transport.speakers import StandardInput

STOPPED = Status(False, None, None, "qemu", "", "", {}, {"boxes": 1.0, "layers": 2.0}, {}, {})
RUNS = Status(
    True, "1.3.4", "abc", "qemu", "tcg", "slow", {"mail": 10.0}, {"boxes": 1.0, "layers": 2.0}, {"/a": 3.0}, {"hub": 4}
)


class FakeLab:
    """What the command `lab` needs of a lab; `raises` is raised by whatever it is asked for."""

    raises: BaseException | None = None
    now = RUNS
    done = Completed(0, b"", b"")
    asked: tuple[object, ...] = ()
    provider: str | None = None

    @classmethod
    def of_checkout(cls, provider: str | None = None) -> "FakeLab":
        cls.provider = provider
        return cls()

    def _asked(self, *what: object) -> None:
        FakeLab.asked = what
        if self.raises is not None:
            raise self.raises

    def up(self, at: str | None) -> None:
        self._asked("up", at)

    def reset(self) -> None:
        self._asked("reset")

    def down(self) -> None:
        self._asked("down")

    def destroy(self) -> None:
        self._asked("destroy")

    def prune(self, newest: int = 0) -> tuple[int, int]:
        self._asked("prune", *filter(None, [newest]))
        return 3, 1

    def status(self) -> Status:
        self._asked("status")
        return self.now

    def exec(self, node: str, argv: Sequence[str], stdin: bytes, timeout: float) -> Completed:
        self._asked("exec", node, list(argv), stdin, timeout)
        return self.done


@pytest.fixture(autouse=True)
def fake(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cli, "Lab", FakeLab)
    for name, value in {"raises": None, "now": RUNS, "done": Completed(0, b"", b""), "asked": ()}.items():
        monkeypatch.setattr(FakeLab, name, value)
    monkeypatch.setattr(signal, "signal", lambda *_: None)


@pytest.mark.parametrize(
    ("error", "status", "said"),
    [
        (LabError("No QEMU.", "apt install it"), 12, "lab: No QEMU.\n  -> apt install it\n"),
        (UsageError("There is no task 9.", "Use 1"), 4, "lab: There is no task 9.\n  -> Use 1\n"),
        (TimeoutError("sleep was not done"), 124, "lab: sleep was not done\n"),
        (KeyboardInterrupt(), 130, "lab: interrupted;"),
        (PermissionError(errno.EACCES, "Permission denied", "/x"), 12, "lab: The machine refused: "),
        (OSError(errno.ENOSPC, "No space left on device"), 12, "MAIL_LAB_CACHE"),
    ],
)
def test_an_error_is_one_message_and_a_status(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], error: BaseException, status: int, said: str
) -> None:
    monkeypatch.setattr(FakeLab, "raises", error)
    assert cli.main(["up"]) == status
    captured = capsys.readouterr().err
    assert said in captured
    assert "Traceback" not in captured


@pytest.mark.parametrize("arguments", [[], ["fly"], ["exec", "nobody", "id"], ["up", "--to", "1.2.1"]])
def test_wrong_use_is_four(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(arguments)
    assert ended.value.code == 4
    assert "usage: lab" in capsys.readouterr().err


COMMANDS = ["doctor", "up", "status", "ssh", "exec", "reset", "logs", "down", "destroy", "box", "prune", "sabotage"]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main([command, "--help"], EXTENSIONS)
    assert ended.value.code == 0
    assert len(capsys.readouterr().out.splitlines()) > 3


def test_sabotage_gets_its_own_words(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["sabotage", "--task", "1.2.1", "--list"], EXTENSIONS) == 0
    assert "1.2.1" in capsys.readouterr().out


def test_the_exit_statuses_are_reported(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main(["--help"], EXTENSIONS)
    assert cli.EXIT_CODES in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "asked"),
    [
        (["up"], ("up", None)),
        (["up", "--until", "1.2.1"], ("up", "1.2.1")),
        (["reset"], ("reset",)),
        (["down"], ("down",)),
        (["destroy"], ("destroy",)),
        (["prune"], ("prune",)),
        (["prune", "--keep=2"], ("prune", 2)),
    ],
)
def test_a_command_does_what_it_says(arguments: list[str], asked: tuple[object, ...]) -> None:
    assert cli.main(arguments) == 0
    assert FakeLab.asked == asked


def test_exec_passes_status_and_streams_through(
    monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    monkeypatch.setattr(FakeLab, "done", Completed(137, bytes(range(256)), b"\xff"))
    monkeypatch.setattr(sys, "stdin", StandardInput(b"\0in"))
    assert cli.main(["exec", "--timeout", "5", "hub", "--", "sh", "-c", "kill -9 $$", "--json"]) == 137
    assert FakeLab.asked == ("exec", "hub", ["sh", "-c", "kill -9 $$", "--json"], b"\0in", 5.0)
    captured = capfdbinary.readouterr()
    assert (captured.out, captured.err) == (bytes(range(256)), b"\xff")


def test_exec_does_not_wait_for_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", StandardInput(b"typed", terminal=True))
    assert cli.main(["exec", "mail", "id"]) == 0
    assert FakeLab.asked == ("exec", "mail", ["id"], b"", 600.0)


def test_exec_needs_a_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["exec", "mail", "--"]) == 4
    assert "needs a command" in capsys.readouterr().err


@pytest.mark.parametrize(("now", "status"), [(RUNS, 0), (STOPPED, 1)])
def test_status_for_people_and_programs(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], now: Status, status: int
) -> None:
    monkeypatch.setattr(FakeLab, "now", now)
    assert cli.main(["status", "--json"]) == status
    told = json.loads(capsys.readouterr().out)
    assert (told["running"], told["task"], told["cache_mib"]) == (now.running, now.task, {"boxes": 1.0, "layers": 2.0})
    assert cli.main(["status"]) == status
    assert ("as of 1.3.4" if now.running else "not running") in capsys.readouterr().out


@pytest.mark.parametrize(("level", "status"), [("ok", 0), ("warning", 0), ("error", 1)])
def test_doctor_for_people_and_programs(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], level: str, status: int
) -> None:
    monkeypatch.setattr(doctor, "examine", lambda: [Finding("ssh", level, "found", "a cure")])
    assert cli.main(["doctor", "--json"]) == status
    assert json.loads(capsys.readouterr().out) == [
        {"subject": "ssh", "level": level, "said": "found", "cure": "a cure"}
    ]
    assert cli.main(["doctor"]) == status
    assert "a cure" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("task", "way"),
    [
        ("bare", ["-p", "22", "-l", "root", "198.51.100.25"]),
        ("fresh", ["-p", "22", "-l", "linuxuser", "198.51.100.25"]),
        ("1.2.1", ["-p", "22", "-l", "linuxuser", "198.51.100.25"]),
        ("1.2.2", ["-p", "22", "-l", "phalkonadmin", "198.51.100.25"]),
        ("1.3.1", ["-p", "2288", "-l", "phalkonadmin", "198.51.100.25"]),
        ("1.3.4", ["-p", "2288", "-l", "phalkonadmin", "10.100.0.25"]),
        ("1.10.1", ["-p", "2288", "-l", "phalkonadmin", "10.100.0.25"]),
    ],
)
def test_ssh_goes_the_administrators_way(monkeypatch: pytest.MonkeyPatch, task: str, way: list[str]) -> None:
    executed: list[list[str]] = []

    def replaced(_: str, argv: list[str]) -> None:
        executed.append(argv)
        sys.exit()

    monkeypatch.setattr(os, "execv", replaced)
    monkeypatch.setattr(FakeLab, "now", Status(True, task, "k", "qemu", "tcg", "", {}, {}, {}, {}))
    with pytest.raises(SystemExit):
        cli.main(["ssh", "mail", "--", "id"])
    assert executed[0][-len(way) - 1 :] == [*way, "id"]


def test_ssh_into_a_lab_that_does_not_run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(FakeLab, "now", STOPPED)
    assert cli.main(["ssh", "hub"]) == 12
    assert "lab up" in capsys.readouterr().err


def test_logs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    console = tmp_path / "console"
    monkeypatch.setattr(FakeLab, "serial_log", lambda *_: console, raising=False)
    assert cli.main(["logs", "mail"]) == 12
    console.write_bytes(b"Linux \xff\n")
    assert cli.main(["logs", "mail"]) == 0
    assert capsys.readouterr().out.startswith("Linux ")
