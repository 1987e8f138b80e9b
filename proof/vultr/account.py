"""The content of a Vultr account: servers, firewalls and keys as the API reports them, and its offer."""

import secrets
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Record = dict[str, Any]

CREATED = "2026-01-12T02:00:00+00:00"
REGIONS = ("dfw", "ewr", "fra")
PLANS: Mapping[str, Record] = {
    "vc2-1c-1gb": {"vcpu_count": 1, "ram": 1024, "disk": 25, "allowed_bandwidth": 1000},
    "vc2-2c-4gb": {"vcpu_count": 2, "ram": 4096, "disk": 80, "allowed_bandwidth": 3000},
}
SYSTEMS = (
    {"id": 2136, "name": "Debian 12 x64 (bookworm)", "arch": "x64", "family": "debian"},
    {"id": 2625, "name": "Debian 13 x64 (trixie)", "arch": "x64", "family": "debian"},
    {"id": 2284, "name": "Ubuntu 24.04 LTS x64", "arch": "x64", "family": "ubuntu"},
)


@dataclass(frozen=True)
class Offer:
    """What the next server gets; `polls` is how often it is asked for until it is active."""

    address: str = "192.0.2.25"
    address6: str = "2001:db8:25::25"
    password: str = field(default_factory=lambda: secrets.token_urlsafe(12), repr=False)
    polls: int = 2


@dataclass
class Account:
    """Everything by its id, each record in the API's own words; `schedules` and `polled` by the server's id.

    As long as it is `slow`, no server becomes active.
    """

    offer: Offer = field(default_factory=Offer)
    slow: bool = False
    servers: dict[str, Record] = field(default_factory=dict)
    schedules: dict[str, Record] = field(default_factory=dict)
    polled: dict[str, int] = field(default_factory=dict)
    keys: dict[str, Record] = field(default_factory=dict)
    firewalls: dict[str, Record] = field(default_factory=dict)
    rules: dict[str, dict[int, Record]] = field(default_factory=dict)

    def holdings(self) -> dict[str, Record]:
        """All that was ordered, by kind."""
        kinds = ("servers", "schedules", "keys", "firewalls", "rules")
        return {kind: getattr(self, kind) for kind in kinds}


class RefusedError(Exception):
    """The API's answer to a wrong request: its status and its words."""

    def __init__(self, status: int, words: str) -> None:
        super().__init__(words)
        self.status = status
        self.words = words


def new_id() -> str:
    """An id that nothing else has."""
    return str(uuid.uuid4())


def require(body: Mapping[str, Any], *names: str) -> None:
    """Refuse a body that lacks one of these."""
    for name in names:
        if body.get(name) in (None, ""):
            raise RefusedError(400, f"Missing or invalid parameter: {name}")


def find(records: Mapping[Any, Record], key: object, words: str) -> Record:
    """A record, or the refusal that the API words so."""
    try:
        return records[key]
    except KeyError:
        raise RefusedError(404, words) from None
