"""Sockets: testinfra's answers, and right ones where its own are wrong."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from proof.transport.modules.socket import Socket, Spec, meets
from proof.transport.rpc import netlink, sockets
from tests.proof.transport.here import LocalAsker

V4, V6 = socket.AF_INET, socket.AF_INET6


def row(address: str, only6: bool | None = None, **more: Any) -> dict[str, Any]:
    return {"protocol": "tcp", "address": address, "port": 22, "remote": "", "remote_port": 0, "only6": only6} | more


@pytest.mark.parametrize(
    ("spec", "listener", "expected"),
    [
        ("tcp://22", row("0.0.0.0"), True),  # testinfra: no, unless :: listens as well
        ("tcp://22", row("::", only6=True), True),
        ("tcp://22", row("10.0.0.1"), True),
        ("tcp://22", row("0.0.0.0", port=23), False),
        ("tcp://22", row("0.0.0.0", protocol="udp"), False),
        ("udp://22", row("0.0.0.0", protocol="udp"), True),
        ("tcp://0.0.0.0:22", row("0.0.0.0"), True),
        ("tcp://0.0.0.0:22", row("::", only6=False), True),
        ("tcp://0.0.0.0:22", row("::", only6=True), False),  # testinfra: yes
        ("tcp://0.0.0.0:22", row("10.0.0.1"), False),
        ("tcp://:::22", row("0.0.0.0"), False),
        ("tcp://:::22", row("::", only6=True), True),
        ("tcp://10.0.0.1:22", row("0.0.0.0"), True),  # testinfra: no
        ("tcp://10.0.0.1:22", row("::", only6=False), True),
        ("tcp://10.0.0.1:22", row("::", only6=None), True),
        ("tcp://10.0.0.1:22", row("::", only6=True), False),  # testinfra: yes
        ("tcp://10.0.0.1:22", row("10.0.0.1"), True),
        ("tcp://10.0.0.1:22", row("10.0.0.2"), False),
        ("tcp://[fe80::1]:22", row("::", only6=False), True),
        ("tcp://fe80:0::1:22", row("fe80::1"), True),
        ("tcp://fe80::1:22", row("0.0.0.0"), False),
    ],
)
def test_who_listens(spec: str, listener: dict[str, Any], expected: bool) -> None:
    assert meets(Spec.parsed(spec), listener) is expected


@pytest.mark.parametrize("spec", ["22", "tcp://", "tcp://x", "tcp://host:22", "sctp://22", "tcp://70000"])
def test_what_is_no_socket(spec: str) -> None:
    with pytest.raises(ValueError, match=r"no socket|IPv4 or IPv6"):
        Spec.parsed(spec)


@pytest.fixture
def opened() -> Iterator[dict[str, int]]:
    """Real listeners on loopback and wildcards; ports by what they are."""
    with ExitStack() as stack:
        four = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        both = stack.enter_context(socket.create_server(("::1", 0), family=V6))
        datagram = stack.enter_context(socket.socket(V4, socket.SOCK_DGRAM))
        datagram.bind(("127.0.0.1", 0))
        stack.enter_context(socket.create_connection(four.getsockname()))
        yield {
            "four": four.getsockname()[1],
            "six": both.getsockname()[1],
            "datagram": datagram.getsockname()[1],
        }


@pytest.fixture(params=["netlink", "proc"])
def _source(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both sources of the kernel's table."""

    def refuse(*_: Any) -> None:
        raise FileNotFoundError

    if request.param == "proc":
        monkeypatch.setattr(netlink, "dump", refuse)


@pytest.mark.usefixtures("_source")
def test_real_sockets(opened: dict[str, int]) -> None:
    asker = LocalAsker()
    assert Socket(asker, f"tcp://{opened['four']}").is_listening
    assert Socket(asker, f"tcp://127.0.0.1:{opened['four']}").is_listening
    assert not Socket(asker, f"tcp://0.0.0.0:{opened['four']}").is_listening
    assert not Socket(asker, f"tcp://127.0.0.2:{opened['four']}").is_listening
    assert not Socket(asker, f"udp://{opened['four']}").is_listening
    assert Socket(asker, f"tcp://::1:{opened['six']}").is_listening
    assert not Socket(asker, f"tcp://127.0.0.1:{opened['six']}").is_listening
    assert Socket(asker, f"udp://127.0.0.1:{opened['datagram']}").is_listening


@pytest.mark.usefixtures("_source")
def test_clients_are_those_of_the_listener(opened: dict[str, int]) -> None:
    """testinfra compares the address that is meant with the client's."""
    asker = LocalAsker()
    for host in ("", "127.0.0.1:", "0.0.0.0:"):
        clients = Socket(asker, f"tcp://{host}{opened['four']}").clients
        assert [client[0] for client in clients if client] == ["127.0.0.1"]
    assert Socket(asker, f"tcp://127.0.0.2:{opened['four']}").clients == []


def test_ipv4_on_an_ipv6_socket_is_ipv4() -> None:
    local = "0000000000000000FFFF00000100007F:0016"
    table = f"  sl  local_address remote_address st\n   0: {local} {'0' * 32}:0000 0A\n"
    assert [(one["address"], one["port"]) for one in sockets.from_table("tcp", sockets.LISTEN, table)] == [
        ("127.0.0.1", 22)
    ]


UNIX = """\
Num       RefCount Protocol Flags    Type St Inode Path
0000000000000000: 00000002 00000000 00010000 0001 01 1 /run/docker.sock
0000000000000000: 00000003 00000000 00000000 0001 03 2 /run/docker.sock
0000000000000000: 00000003 00000000 00000000 0001 03 3
0000000000000000: 00000002 00000000 00000000 0002 01 4 /run/systemd/journal/dev-log
0000000000000000: 00000002 00000000 00010000 0005 01 5 /run/with space
0000000000000000: 00000002 00000000 00010000 0001 01 6 @abstract
"""


def test_unix_sockets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """testinfra wants the very path that was bound, and knows streams only."""
    (tmp_path / "unix").write_text(UNIX)
    monkeypatch.setattr(sockets, "NET", tmp_path)
    asker = LocalAsker()
    streams = ("/run/docker.sock", "/var/run/docker.sock", "/run/with space", "@abstract")
    for path in (*streams, "/run/systemd/journal/dev-log"):
        assert Socket(asker, f"unix://{path}").is_listening, path
    assert not Socket(asker, "unix:///run/docker").is_listening
    assert Socket(asker, "unix:///var/run/docker.sock").clients == [None]
