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
    """What the next server gets."""

    address: str = "192.0.2.25"
    address6: str = "2001:db8:25::25"
    password: str = field(default_factory=lambda: secrets.token_urlsafe(12), repr=False)


@dataclass
class Habits:
    """How Vultr behaves beside what its documentation promises; each with its source.

    Args:
        ended: last parts of addresses below a server that are gone; VPC 2.0 is (vultr/terraform-provider-vultr#753).
        page: items of a list that come at a time. Vultr gives up to 500; fewer try what a large account meets.
        hidden_seconds: for how long look-ups and lists do not know a new server (vultr/terraform-provider-vultr#462,
            kubermatic/machine-controller#1704).
        pending_looks: looks at a server until its status is active.
        installing_looks: further looks until its server_status is ok, too (vultr/terraform-provider-vultr#440).
        calls_per_second: more are answered with 429 (Vultr's documentation of its API).
    """

    ended: tuple[str, ...] = ("vpc2",)
    page: int = 2
    hidden_seconds: float = 3.0
    pending_looks: float = 1
    installing_looks: float = 6
    calls_per_second: int = 30


@dataclass
class Account:
    """Everything by its id, each record in the API's own words; `schedules`, `looks` and `born` by the server's id.

    `born` are the seconds of a clock at which a server was ordered, `looks` how often it was looked at since.
    """

    offer: Offer = field(default_factory=Offer)
    habits: Habits = field(default_factory=Habits)
    servers: dict[str, Record] = field(default_factory=dict)
    schedules: dict[str, Record] = field(default_factory=dict)
    looks: dict[str, int] = field(default_factory=dict)
    born: dict[str, float] = field(default_factory=dict)
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
