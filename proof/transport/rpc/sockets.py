"""Answers about sockets of this network namespace."""

import socket
import struct
from pathlib import Path
from typing import Any

from proof.transport.rpc import netlink

NET = Path("/proc/self/net")
TCP, UDP = 6, 17
ESTABLISHED, CLOSE, LISTEN = 1, 7, 10  # states of a socket; an unconnected UDP socket is CLOSE

_BY_FAMILY = 20
_MESSAGE = struct.Struct("=4B2s2s16s16sL")  # family, state, timer, retransmits, ports, addresses, interface
_MESSAGE_SIZE = 72
_V6ONLY = 11

Row = dict[str, Any]


def listening() -> list[Row]:
    """TCP sockets that listen and UDP sockets that take packets from anyone.

    Returns:
        protocol, address, port, remote, remote_port and only6: whether an IPv6 socket leaves IPv4 alone
        (None if the kernel does not tell).
    """
    return _rows("tcp", TCP, LISTEN) + _rows("udp", UDP, CLOSE)


def connected() -> list[Row]:
    """Established TCP connections and connected UDP sockets, rows as of `listening`."""
    return _rows("tcp", TCP, ESTABLISHED) + _rows("udp", UDP, ESTABLISHED)


def unix() -> list[dict[str, Any]]:
    """Unix sockets with a name: path (abstract ones begin with @), listens, connected."""
    found = []
    for line in (NET / "unix").read_text(errors="surrogateescape").splitlines()[1:]:
        columns = line.split(None, 7)
        if len(columns) < 8:
            continue
        flags, kind, state = int(columns[3], 16), int(columns[4], 16), int(columns[5], 16)
        datagram = kind == socket.SOCK_DGRAM
        listens = bool(flags & 0x10000) or (datagram and state == 1)
        path = columns[7].encode(errors="surrogateescape").decode(errors="backslashreplace")
        found.append({"path": path, "listens": listens, "connected": state == 3 and not datagram})
    return found


def _rows(protocol: str, number: int, state: int) -> list[Row]:
    found = []
    for family, suffix in ((socket.AF_INET, ""), (socket.AF_INET6, "6")):
        try:
            found += _from_kernel(protocol, number, state, family)
        except OSError:
            table = NET / f"{protocol}{suffix}"
            if table.exists():
                found += from_table(protocol, state, table.read_text())
    return found


def _from_kernel(protocol: str, number: int, state: int, family: int) -> list[Row]:
    request = struct.pack("=4BL48x", family, number, 0, 0, 1 << state)
    found = []
    for body in netlink.dump(netlink.SOCK_DIAG, _BY_FAMILY, request):
        _, _, _, _, port, remote_port, address, remote, _ = _MESSAGE.unpack_from(body)
        size = 4 if family == socket.AF_INET else 16
        only6 = netlink.attributes(body[_MESSAGE_SIZE:]).get(_V6ONLY)
        found.append(
            {
                "protocol": protocol,
                "address": plain(socket.inet_ntop(family, address[:size])),
                "port": int.from_bytes(port, "big"),
                "remote": plain(socket.inet_ntop(family, remote[:size])),
                "remote_port": int.from_bytes(remote_port, "big"),
                "only6": bool(only6[0]) if only6 else None,
            }
        )
    return found


def from_table(protocol: str, state: int, text: str) -> list[Row]:
    """Rows of /proc/net/tcp and its like, for kernels that cannot be asked over netlink."""
    found = []
    for line in text.splitlines()[1:]:
        _, local, remote, status, *_ = line.split()
        if int(status, 16) == state:
            address, port = _address(local)
            far, far_port = _address(remote)
            row: Row = {"protocol": protocol, "address": address, "port": port, "remote": far}
            found.append(row | {"remote_port": far_port, "only6": None})
    return found


def _address(text: str) -> tuple[str, int]:
    words, port = text.split(":")
    packed = b"".join(struct.pack("=L", int(words[at : at + 8], 16)) for at in range(0, len(words), 8))
    family = socket.AF_INET if len(packed) == 4 else socket.AF_INET6
    return plain(socket.inet_ntop(family, packed)), int(port, 16)


def plain(address: str) -> str:
    """An IPv4 address that an IPv6 socket shows as ::ffff:a.b.c.d, as itself."""
    return address.removeprefix("::ffff:") if "." in address else address
