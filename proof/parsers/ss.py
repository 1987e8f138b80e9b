"""Listening TCP sockets with the programs that hold them, as `ss -H -l -t -n -p` prints them."""

import re
from dataclasses import dataclass

SSH_PROGRAMS = frozenset({"sshd", "systemd"})  # systemd holds the sockets of socket units


@dataclass(frozen=True)
class Listener:
    """A socket: `address` is `*` or `0.0.0.0` or `[::]` where it takes whatever comes."""

    address: str
    port: int
    programs: frozenset[str]

    def __str__(self) -> str:
        return f"{self.address}:{self.port} ({', '.join(sorted(self.programs)) or 'unknown program'})"


def parse(text: str) -> tuple[Listener, ...]:
    """Every listener in the output."""
    return tuple(_listener(line) for line in text.splitlines() if line.startswith("LISTEN"))


def of_ssh(listeners: tuple[Listener, ...]) -> tuple[Listener, ...]:
    """The listeners of the SSH server, or of systemd in its place."""
    return tuple(listener for listener in listeners if listener.programs & SSH_PROGRAMS)


def is_only(listeners: tuple[Listener, ...], address: str, port: int) -> bool:
    """Whether there is exactly one listener, on this address and port."""
    return [(listener.address, listener.port) for listener in listeners] == [(address, port)]


def _listener(line: str) -> Listener:
    local = line.split()[3]
    address, _, port = local.rpartition(":")
    return Listener(address, int(port), frozenset(re.findall(r'\("([^"]+)",pid=', line)))
