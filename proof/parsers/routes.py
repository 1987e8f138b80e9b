"""Routes as `ip -json route` prints them."""

import json
from dataclasses import dataclass


@dataclass(frozen=True)
class Route:
    """A way: through which interface, by way of which router, and with which address as the sender's."""

    destination: str
    interface: str
    gateway: str
    source: str


def parse(text: str) -> tuple[Route, ...]:
    """Every route in the output of `ip -json route show ...` or `ip -json route get ...`."""
    return tuple(
        Route(
            str(entry.get("dst", "")),
            str(entry.get("dev", "")),
            str(entry.get("gateway", "")),
            str(entry.get("prefsrc", "")),
        )
        for entry in json.loads(text or "[]")
    )
