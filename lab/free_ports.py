"""Ports on 127.0.0.1 for the ways into a lab."""

import random
import socket
from contextlib import ExitStack, suppress
from pathlib import Path

from lab.errors import LabError

FIRST = 20000
OUTGOING = Path("/proc/sys/net/ipv4/ip_local_port_range")


def _all() -> range:
    """Those below the ones that the kernel gives to outgoing connections.

    A VM that is reset gives its ports back for a moment: no connection may come to have one of them then.
    """
    return range(FIRST, max(int(OUTGOING.read_text().split()[0]), FIRST + 1000))


def find_free(count: int, length: int = 1) -> list[int]:
    """Ports that no one listens on, in no order; after each of them `length` - 1 more are free. Raises LabError."""
    found: list[int] = []
    every = _all()
    with ExitStack() as stack:
        for port in random.sample(every, len(every)):
            with suppress(OSError):
                for place in range(length):
                    stack.enter_context(socket.socket()).bind(("127.0.0.1", port + place))
                found.append(port)
            if len(found) == count:
                return found
    raise LabError(f"No port from {every[0]} to {every[-1]} is free on 127.0.0.1.", "Close what listens there.")


def find_range(length: int) -> int:
    """The first of so many ports in a row that no one listens on. Raises LabError."""
    return find_free(1, length)[0]
