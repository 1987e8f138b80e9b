import json
import socket
import time
from pathlib import Path

import pytest

from lab.json_socket import Disconnected, JsonSocket
from tests.proof.transport.speakers import Conversation, listening, requests, say, silent


def met(path: Path, conversation: Conversation) -> JsonSocket:
    """A synchronised connection to a speaker."""
    with listening(path, conversation):
        connection = JsonSocket(path, "The agent", 2.0)
        connection.synchronise(2.0)
    return connection


def test_no_one_listens(tmp_path: Path) -> None:
    with pytest.raises(Disconnected, match="The agent does not answer"):
        JsonSocket(tmp_path / "nothing", "The agent", 1.0)


def test_stale_bytes_of_a_killed_client_are_skipped(tmp_path: Path) -> None:
    def converse(connection: socket.socket) -> None:
        connection.sendall(b'alf of an answer"}\n{"return": {"pid": 4711}}\n[1]\n\n')
        for request in requests(connection):
            identifier = json.dumps({"return": request["arguments"]["id"]}).encode()
            connection.sendall(b'{"return": "old \xff' + identifier + b"\n")
            say(connection, {"return": "the next"})

    connection = met(tmp_path / "socket", converse)
    assert connection.receive(time.monotonic() + 2) == {"return": "the next"}


def test_an_answer_in_pieces_is_one(tmp_path: Path) -> None:
    def converse(connection: socket.socket) -> None:
        for byte in b'{"return": [1, 2]}\n{"return": 3}\n':
            connection.sendall(bytes([byte]))

    with listening(tmp_path / "socket", converse):
        connection = JsonSocket(tmp_path / "socket", "The agent", 2.0)
        assert connection.receive(time.monotonic() + 2) == {"return": [1, 2]}
        assert connection.receive(time.monotonic() + 2) == {"return": 3}


def test_megabytes_are_one_answer(tmp_path: Path) -> None:
    long = "x" * (8 << 20)
    with listening(tmp_path / "socket", lambda connection: say(connection, {"return": long})):
        connection = JsonSocket(tmp_path / "socket", "The agent", 2.0)
        assert connection.receive(time.monotonic() + 5) == {"return": long}


def test_silence_ends_at_the_deadline(tmp_path: Path) -> None:
    with listening(tmp_path / "socket", silent):
        connection = JsonSocket(tmp_path / "socket", "The agent", 2.0)
        started = time.monotonic()
        with pytest.raises(Disconnected, match="did not answer in time"):
            connection.synchronise(0.2)
    assert 0.2 <= time.monotonic() - started < 1.0


def test_drops_that_never_end_a_line_do_not_move_the_deadline(tmp_path: Path) -> None:
    def converse(connection: socket.socket) -> None:
        while True:
            connection.sendall(b".")
            time.sleep(0.02)

    with listening(tmp_path / "socket", converse):
        connection = JsonSocket(tmp_path / "socket", "The agent", 2.0)
        started = time.monotonic()
        with pytest.raises(Disconnected):
            connection.receive(started + 0.2)
        connection.close()
    assert time.monotonic() - started < 1.0


def test_the_other_end_hangs_up(tmp_path: Path) -> None:
    with listening(tmp_path / "socket", lambda _: None):
        connection = JsonSocket(tmp_path / "socket", "The agent", 2.0)
        with pytest.raises(Disconnected, match="hung up"):
            connection.receive(time.monotonic() + 2)
