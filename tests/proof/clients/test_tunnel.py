import socket
import threading
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest

from lab.waiting import wait_until
from proof.clients.tunnel import Tunnel
from proof.transport.errors import NoAnswerError
from proof.transport.observation import Observation
from tests.proof.transport.here import host_here

LARGE = 3 << 20


def echo(listener: socket.socket) -> None:
    """Answer every connection with what it says, until it has said its last."""

    def answer(connection: socket.socket) -> None:
        with connection:
            while piece := connection.recv(1 << 16):
                connection.sendall(piece)

    with suppress(OSError):
        while True:
            threading.Thread(target=answer, args=listener.accept()[:1], daemon=True).start()


@pytest.fixture(params=["tcp", "unix"])
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, int]]:
    """Address and port of an echo."""
    if request.param == "tcp":
        listener = socket.create_server(("127.0.0.1", 0))
        address, port = listener.getsockname()
    else:
        listener = socket.socket(socket.AF_UNIX)
        address, port = str(tmp_path / "echo"), 0
        listener.bind(address)
        listener.listen()
    with closing(listener):
        threading.Thread(target=echo, args=(listener,), daemon=True).start()
        yield address, port


def visit(tunnel: Tunnel) -> socket.socket:
    near = socket.socket(socket.AF_UNIX)
    near.settimeout(10)
    near.connect(str(tunnel.path))
    return near


def read(near: socket.socket, size: int) -> bytes:
    pieces = b""
    while len(pieces) < size:
        piece = near.recv(1 << 16)
        if not piece:
            break
        pieces += piece
    return pieces


def test_what_goes_in_comes_out_and_back(server: tuple[str, int]) -> None:
    seen: list[Observation] = []
    said = bytes(range(256)) * (LARGE // 256)
    with Tunnel(host_here(seen), *server) as tunnel, visit(tunnel) as one, visit(tunnel) as other:
        threading.Thread(target=one.sendall, args=(said,), daemon=True).start()
        assert read(one, LARGE) == said
        other.sendall(b"beside")
        assert read(other, 6) == b"beside"
    assert [(seen.command.split()[0], seen.stdout) for seen in seen] == [("connect", "connected")] * 2


def test_only_its_owner_can_use_it(server: tuple[str, int]) -> None:
    with Tunnel(host_here([]), *server) as tunnel:
        assert tunnel.path.parent.stat().st_mode & 0o077 == 0
    assert not tunnel.path.parent.exists()


def test_the_far_end_hangs_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(10)
        with Tunnel(host_here([]), *listener.getsockname()) as tunnel, visit(tunnel) as near:
            far, _ = listener.accept()
            far.sendall(b"good bye")
            far.close()
            assert read(near, 100) == b"good bye"


def test_the_near_end_hangs_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(10)
        with Tunnel(host_here([]), *listener.getsockname()) as tunnel:
            visit(tunnel).close()
            far, _ = listener.accept()
            far.settimeout(10)
            assert far.recv(1) == b""


def test_a_failed_probe_reports_the_reason() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address, port = listener.getsockname()
    with Tunnel(host_here([]), address, port) as tunnel, visit(tunnel) as near:
        assert near.recv(1) == b""
        failure = wait_until(lambda: tunnel.failure, "the failure", 5)
    assert isinstance(failure, NoAnswerError)
    assert "refused" in str(failure)
