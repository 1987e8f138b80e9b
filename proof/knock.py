"""A knock at a port from some place: does the door open, is it refused, or does nobody answer at all?"""

from dataclasses import dataclass
from typing import Literal

from testinfra.host import Host

Outcome = Literal["open", "refused", "silent"]


@dataclass(frozen=True)
class Knock:
    """How a port answered a TCP connection, and the caller's own words about it."""

    outcome: Outcome
    said: str


def knock(place: Host, address: str, port: int, seconds: int = 1) -> Knock:
    """Open a TCP connection from a place and close it again; wait at most some seconds for an answer."""
    result = place.run("nc -v -n -z -w %s %s %s", str(seconds), address, str(port))
    said = f"$ {result.command}\n{result.stdout}{result.stderr}"
    if result.rc == 0:
        return Knock("open", said)
    return Knock("refused" if "refused" in result.stderr else "silent", said)


def greeting(place: Host, address: str, port: int, seconds: int = 2) -> str:
    """What a server says to whoever connects and stays silent; empty where nobody says anything in time."""
    return str(place.run("nc -n -w %s %s %s </dev/null", str(seconds), address, str(port)).stdout)


def answers_ping(place: Host, address: str) -> bool:
    """Whether an address answers one of two ICMP echoes from a place."""
    return bool(place.run("ping -n -c 2 -i 0.2 -W 2 %s", address).rc == 0)
