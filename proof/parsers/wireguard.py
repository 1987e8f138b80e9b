"""A WireGuard interface as `wg show` describes it; that form never prints the private key."""

import re
from dataclasses import dataclass

_SECONDS = {"second": 1, "minute": 60, "hour": 3600, "day": 86400, "year": 31536000}


@dataclass(frozen=True)
class Peer:
    """One peer.

    Args:
        endpoint: `address:port`, empty when it is not known yet.
        handshake_age: seconds since the last handshake, None if there never was one.
    """

    public_key: str
    endpoint: str
    allowed_ips: tuple[str, ...]
    handshake_age: int | None


def peers(text: str) -> tuple[Peer, ...]:
    """Every peer in the output of `wg show INTERFACE`."""
    return tuple(_peer(block) for block in re.split(r"^peer: ", text, flags=re.MULTILINE)[1:])


def _peer(block: str) -> Peer:
    key, _, rest = block.partition("\n")
    fields = dict(line.strip().split(": ", 1) for line in rest.splitlines() if ": " in line)
    allowed = tuple(part for part in re.split(r",\s*", fields.get("allowed ips", "")) if part and part != "(none)")
    age = age_in_seconds(fields["latest handshake"]) if "latest handshake" in fields else None
    return Peer(key.strip(), fields.get("endpoint", ""), allowed, age)


def age_in_seconds(words: str) -> int:
    """Seconds in words like `1 minute, 5 seconds ago`; `Now` is 0."""
    return sum(int(n) * _SECONDS[unit] for n, unit in re.findall(r"(\d+) (second|minute|hour|day|year)s?", words))
