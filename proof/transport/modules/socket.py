"""Sockets. Unlike testinfra: who listens on one address only listens, and who listens on all listens on each."""

import ipaddress
import os
from dataclasses import dataclass
from typing import Any

from proof.transport.modules.asker import Asker
from proof.transport.rpc import sockets

ANY4, ANY6 = "0.0.0.0", "::"  # noqa: S104
PROTOCOLS = ("tcp", "udp", "unix")

Row = dict[str, Any]


@dataclass(frozen=True)
class Spec:
    """Which socket is meant: tcp://22, tcp://10.0.0.1:22, tcp://:::22, udp://..., unix:///path."""

    protocol: str
    host: str | None
    port: int | None

    @classmethod
    def parsed(cls, text: str) -> "Spec":
        """Read the form with ://. Raises ValueError that says what is wrong."""
        protocol, found, address = text.partition("://")
        if not found or protocol not in PROTOCOLS:
            raise ValueError(f"{text!r} is no socket: it begins with tcp://, udp:// or unix://")
        if protocol == "unix":
            return cls(protocol, address, None)
        host, _, port = address.rpartition(":")
        if not port.isdigit() or int(port) > 65535:
            raise ValueError(f"{text!r} is no socket: {port!r} is no port")
        if not host:
            return cls(protocol, None, int(port))
        return cls(protocol, str(ipaddress.ip_address(host.strip("[]"))), int(port))


class Socket:
    """A listening socket. Without an address: one that listens on this port on any address at all."""

    def __init__(self, asker: Asker, spec: str) -> None:
        self._asker = asker
        self._text = spec
        self.spec = Spec.parsed(spec)
        self.protocol, self.host, self.port = self.spec.protocol, self.spec.host, self.spec.port

    def __repr__(self) -> str:
        return f"<socket {self._text}>"

    @property
    def is_listening(self) -> bool:
        """Whether a packet to that address and port meets a listener.

        A wildcard counts for every address of its family, an IPv6 wildcard for IPv4 too unless it is IPv6 only.
        """
        if self.protocol == "unix":
            rows = self._asker.ask(f"{self} is_listening", sockets.unix)
            return any(row["listens"] and same_path(row["path"], self.host or "") for row in rows)
        rows = self._asker.ask(f"{self} is_listening", sockets.listening, shown=told)
        return any(meets(self.spec, row) for row in rows)

    @property
    def clients(self) -> list[tuple[str, int] | None]:
        """Address and port of each connected client; for a unix socket a None for each."""
        if self.protocol == "unix":
            rows = self._asker.ask(f"{self} clients", sockets.unix)
            return [None for row in rows if row["connected"] and same_path(row["path"], self.host or "")]
        rows = self._asker.ask(f"{self} clients", sockets.connected, shown=told)
        return [(row["remote"], row["remote_port"]) for row in rows if meets(self.spec, row)]


class Sockets:
    """`host.socket`: makes a Socket, and lists all."""

    def __init__(self, asker: Asker) -> None:
        self._asker = asker

    def __call__(self, spec: str) -> Socket:
        """The socket of a form such as tcp://22."""
        return Socket(self._asker, spec)


def hosts(row: Row) -> list[str]:
    """Addresses that a row stands for: the IPv6 wildcard of a dual-stack socket is two."""
    return [ANY6, ANY4] if row["address"] == ANY6 and row["only6"] is False else [row["address"]]


def meets(spec: Spec, row: Row) -> bool:
    """Whether what is meant is a row of the host's table."""
    if (spec.protocol, spec.port) != (row["protocol"], row["port"]):
        return False
    if spec.host is None or spec.host == row["address"]:
        return True
    if ":" in spec.host:
        return bool(row["address"] == ANY6)
    if spec.host == ANY4 and row["remote_port"]:  # a connected socket has one address, never the wildcard
        return ":" not in row["address"]
    return row["address"] == ANY4 or (row["address"] == ANY6 and not row["only6"])


def same_path(bound: str, asked: str) -> bool:
    """Whether two paths of a unix socket are one, /var/run being /run."""
    return _plain(bound) == _plain(asked)


def _plain(path: str) -> str:
    return path if path.startswith("@") else os.path.normpath(path).replace("/var/run/", "/run/", 1)


def told(rows: list[Row]) -> str:
    """Rows for the evidence, each as protocol://address:port with the far end if there is one."""
    return ", ".join(
        f"{row['protocol']}://{row['address']}:{row['port']}"
        + (f" from {row['remote']}:{row['remote_port']}" if row["remote_port"] else "")
        for row in rows
    )
