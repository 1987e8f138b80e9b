import base64
import socket
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from lab.agent import Agent, Socket
from lab.errors import LabError
from lab.json_socket import Disconnected
from tests.proof.transport.speakers import agent, listening, requests, silent, sync


def coded(data: bytes) -> str:
    return base64.b64encode(data).decode()


@dataclass
class Guest:
    """Remembers what it was asked; `states` are the answers about a command, the last one again and again."""

    states: list[dict[str, Any]]
    started: list[dict[str, Any]] = field(default_factory=list)

    def answer(self, command: str, arguments: dict[str, Any]) -> object:
        if command == "guest-ping":
            return {}
        if command == "guest-exec":
            self.started.append(arguments)
            return {"pid": 42}
        assert (command, arguments) == ("guest-exec-status", {"pid": 42})
        return self.states.pop(0) if len(self.states) > 1 else self.states[0]


def test_a_command_with_its_streams_and_status(tmp_path: Path) -> None:
    output = bytes(range(256))
    ended = {"exited": True, "exitcode": 3, "out-data": coded(output), "err-data": coded(b"no")}
    guest = Guest([{"exited": False}, ended])
    with listening(tmp_path / "mail.agent", agent(guest.answer)):
        done = Agent(Socket(tmp_path / "mail.agent", "mail"), "mail").run(["sh", "-c", "a b; c"], stdin=b"\0in")
    assert (done.exit_status, done.stdout, done.stderr) == (3, output, b"no")
    assert guest.started[0]["arg"][-3:] == ["sh", "-c", "a b; c"]
    assert base64.b64decode(guest.started[0]["input-data"]) == b"\0in"


def test_a_signal_is_128_and_its_number(tmp_path: Path) -> None:
    with listening(tmp_path / "mail.agent", agent(Guest([{"exited": True, "signal": 9}]).answer)):
        assert Agent(Socket(tmp_path / "mail.agent", "mail"), "mail").run(["true"]).exit_status == 137


def test_the_time_is_over(tmp_path: Path) -> None:
    """The command's whole process group is killed, and the lab is not called broken."""
    guest = Guest([{"exited": False}] * 6 + [{"exited": True, "signal": 9}])
    with listening(tmp_path / "mail.agent", agent(guest.answer)), pytest.raises(TimeoutError, match="sleep was not"):
        Agent(Socket(tmp_path / "mail.agent", "mail"), "mail").run(["sleep", "9"], timeout=0.02)
    assert (guest.started[1]["path"], guest.started[1]["arg"]) == ("/bin/kill", ["-KILL", "--", "-42"])


def test_a_guest_that_takes_a_short_question_with_it_is_soon_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As one that shuts down: its agent has agreed to talk, and never says another word."""

    def leave(connection: socket.socket) -> None:
        for request in requests(connection):
            sync(connection, request)

    monkeypatch.setattr("lab.agent.PING_SECONDS", 0.1)
    started = time.monotonic()
    with listening(tmp_path / "mail.agent", leave), pytest.raises(Disconnected, match="did not answer in time"):
        Agent(Socket(tmp_path / "mail.agent", "mail"), "mail").run(["cat"], timeout=0.1)
    assert time.monotonic() - started < 2.0


@pytest.mark.parametrize("stream", ["out", "err"])
def test_output_that_the_agent_cut_is_no_output(tmp_path: Path, stream: str) -> None:
    ended = {"exited": True, "exitcode": 0, f"{stream}-data": coded(b"begin"), f"{stream}-truncated": True}
    with listening(tmp_path / "mail.agent", agent(Guest([ended]).answer)), pytest.raises(LabError, match="16 MiB"):
        Agent(Socket(tmp_path / "mail.agent", "mail"), "mail").run(["cat", "long"])


def test_a_refusal_is_reported_in_the_agents_words(tmp_path: Path) -> None:
    def refuse(*_: object) -> object:
        raise ValueError("Guest agent command failed, error was 'no memory'")

    with listening(tmp_path / "hub.agent", agent(refuse)), pytest.raises(LabError, match=r"hub refused .*no memory"):
        Agent(Socket(tmp_path / "hub.agent", "hub"), "hub").run(["true"])


def test_no_vm(tmp_path: Path) -> None:
    with pytest.raises(Disconnected, match="not running") as raised:
        Agent(Socket(tmp_path / "gone" / "mail.agent", "mail"), "mail").run(["true"])
    assert raised.value.hint == "lab up"


def test_a_guest_that_is_silent_does_not_answer(tmp_path: Path) -> None:
    with listening(tmp_path / "mail.agent", silent):
        started = time.monotonic()
        assert not Agent(Socket(tmp_path / "mail.agent", "mail"), "mail").answers(0.1)
    assert time.monotonic() - started < 1.0


def test_waiting_outlasts_a_guest_that_boots(tmp_path: Path) -> None:
    answers = agent(Guest([]).answer)
    with listening(tmp_path / "mail.agent", lambda _: None, lambda _: None, answers):
        Agent(Socket(tmp_path / "mail.agent", "mail"), "mail").wait(5.0)


def test_waiting_ends_with_what_was_seen_last(tmp_path: Path) -> None:
    with listening(tmp_path / "mail.agent", silent), pytest.raises(LabError, match=r"within 0 s\. Last: .*in time"):
        Agent(Socket(tmp_path / "mail.agent", "mail"), "mail").wait(0.2)


def test_waiting_ends_immediately_if_the_vm_ended(tmp_path: Path) -> None:
    started = time.monotonic()
    with pytest.raises(LabError, match="The VM mail ended"):
        Agent(Socket(tmp_path / "mail.agent", "mail"), "mail", lives=lambda: False).wait(60.0)
    assert time.monotonic() - started < 1.0
