"""One TCP connection from a place: open, refused, or silent."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from testinfra.host import Host

from proof.parsers.errors import NothingToReadError

Outcome = Literal["open", "refused", "silent"]
# What nc says; of an address on its own segment that no one has, "No route to host".
ANSWERS: Mapping[str, Outcome] = {"refused": "refused", "timed out": "silent", "No route to host": "silent"}


@dataclass(frozen=True)
class ProbeResult:
    """How a port answered a TCP connection, and the caller's own words about it."""

    outcome: Outcome
    said: str


def start(place: Host, address: str, port: int, seconds: int = 1) -> Callable[[], ProbeResult]:
    """Begin to open a TCP connection from a place; call what is returned for what came of it.

    That raises NothingToReadError if no packet was answered because none was sent: no nc there, no route.
    """
    pending = place.start("nc -v -n -z -w %s %s %s", str(seconds), address, str(port))

    def heard() -> ProbeResult:
        result = pending.result()
        said = f"$ {result.command}\n{result.stdout}{result.stderr}"
        if result.rc == 0:
            return ProbeResult("open", said)
        for words, outcome in ANSWERS.items():
            if words in result.stderr:
                return ProbeResult(outcome, said)
        raise NothingToReadError(f"nobody knows whether {address} answers on port {port}:\n{said}")

    return heard


def try_port(place: Host, address: str, port: int, seconds: int = 1) -> ProbeResult:
    """Open a TCP connection from a place and close it again; wait at most some seconds for an answer."""
    return start(place, address, port, seconds)()


def greeting(place: Host, address: str, port: int, seconds: int = 2) -> str:
    """What a server says to whoever connects and stays silent; empty if no one says anything in time."""
    return str(place.run("nc -n -w %s %s %s </dev/null", str(seconds), address, str(port)).stdout)


def answers_ping(place: Host, address: str) -> bool:
    """Whether an address answers one of two ICMP echoes from a place."""
    return bool(place.run("ping -n -c 2 -i 0.2 -W 2 %s", address).rc == 0)
