import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lab.errors import LabError
from lab.json_socket import Disconnected
from lab.qmp import Monitor
from tests.proof.transport.speakers import Conversation, listening, requests, say, silent


def monitor(*answers: object) -> Conversation:
    """Greets, agrees on capabilities, then gives its answers one after the other, an event before each."""

    def converse(connection: socket.socket) -> None:
        say(connection, {"QMP": {"version": {}}})
        waiting = [{"return": {}}, *answers]
        for _ in requests(connection):
            say(connection, {"event": "RESUME", "data": {}})
            say(connection, waiting.pop(0))

    return converse


def asked(path: Path, question: Callable[[Monitor], Any], *answers: object) -> Any:
    with listening(path, monitor(*answers)), Monitor(path, "mail", timeout=1.0) as connection:
        return question(connection)


def test_events_between_the_answers_are_skipped(tmp_path: Path) -> None:
    state = {"status": "running"}
    assert asked(tmp_path / "qmp", lambda it: it.call("query-status"), {"return": state}) == state


def test_a_refusal_carries_qemus_words(tmp_path: Path) -> None:
    refusal = {"error": {"class": "GenericError", "desc": "No such device"}}
    with pytest.raises(LabError, match="The VM mail refused device_del: No such device"):
        asked(tmp_path / "qmp", lambda it: it.call("device_del", {"id": "x"}), refusal)


def test_memory_is_waited_for(tmp_path: Path) -> None:
    states = [{"return": state} for state in ({}, {"status": "active"}, {"status": "completed"})]
    asked(tmp_path / "qmp", lambda it: it.wait_migration(5.0), *states)


def test_memory_that_cannot_be_written_names_the_reason(tmp_path: Path) -> None:
    failed = {"return": {"status": "failed", "error-desc": "No space left on device"}}
    with pytest.raises(LabError, match="Memory of mail could not be moved: No space left on device"):
        asked(tmp_path / "qmp", lambda it: it.wait_migration(5.0), failed)


def test_memory_that_never_comes_ends_at_the_deadline(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="last state: active"):
        asked(tmp_path / "qmp", lambda it: it.wait_migration(0.05), *[{"return": {"status": "active"}}] * 9)


def test_a_monitor_that_someone_else_holds(tmp_path: Path) -> None:
    """QEMU greets one client at a time."""
    with listening(tmp_path / "qmp", silent), pytest.raises(Disconnected, match="time"):
        Monitor(tmp_path / "qmp", "mail", timeout=0.1)
