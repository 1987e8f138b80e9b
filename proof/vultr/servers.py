"""The part of the API for instances: created immediately, active after a while, with a schedule of backups."""

import time
from ipaddress import IPv6Address
from typing import Any

from proof.vultr.account import CREATED, PLANS, REGIONS, SYSTEMS, Account, Record, RefusedError, find, new_id, require

MISSING = "Invalid instance: instance not found"
CHANGEABLE = ("label", "tags", "firewall_group_id", "plan", "user_scheme", "enable_ipv6")
ORDERED = ("label", "hostname", "tags", "firewall_group_id", "user_scheme", "enable_ipv6", "sshkey_id")
HIDDEN = ("enable_ipv6", "sshkey_id")  # told to the API, and never told by it
BLANK: Record = {
    "label": "",
    "hostname": "guest",
    "tags": [],
    "firewall_group_id": "",
    "user_scheme": "root",
    "enable_ipv6": False,
    "sshkey_id": [],
    "date_created": CREATED,
    "status": "pending",
    "power_status": "stopped",
    "server_status": "none",
    "main_ip": "0.0.0.0",  # noqa: S104 - as the API says "not yet"
    "netmask_v4": "",
    "gateway_v4": "0.0.0.0",  # noqa: S104
    "internal_ip": "",
    "v6_network": "",
    "v6_main_ip": "",
    "v6_network_size": 0,
    "kvm": "",
    "vpc_only": False,
    "app_id": 0,
    "image_id": "",
    "snapshot_id": "",
}
LONG_AGO = 10**6
SWITCH = {"enabled": True, "disabled": False}


def listed(account: Account) -> list[Record]:
    """All of the account that lists know already."""
    return [_shown(account, server) for server in account.servers.values() if _known(account, server["id"])]


def _known(account: Account, number: str) -> bool:
    return time.monotonic() - account.born[number] >= account.habits.hidden_seconds


def _find(account: Account, number: str) -> Record:
    """A server, unless it is so new that look-ups do not know it yet."""
    server = find(account.servers, number, MISSING)
    if not _known(account, number):
        raise RefusedError(404, MISSING)
    return server


def create(account: Account, body: Record) -> Record:
    """Make a server; only this answer tells the first password."""
    require(body, "region", "plan")
    if body["region"] not in REGIONS:
        raise RefusedError(400, "Invalid region.")
    if body["plan"] not in PLANS:
        raise RefusedError(400, "Invalid plan.")
    system = next((system for system in SYSTEMS if system["id"] == body.get("os_id")), None)
    if system is None:
        raise RefusedError(400, "Server must be created with an os_id, snapshot_id, iso_id, app_id or image_id.")
    for key in body.get("sshkey_id", ()):
        find(account.keys, key, "Invalid SSH key: Invalid ssh key")
    if body.get("firewall_group_id"):
        find(account.firewalls, body["firewall_group_id"], "Invalid firewall group.")
    number = new_id()
    account.servers[number] = _fresh(number, body, system)
    account.schedules[number] = _schedule(enabled=SWITCH[body.get("backups", "disabled")])
    account.looks[number], account.born[number] = 0, time.monotonic()
    return {"instance": {**_shown(account, account.servers[number]), "default_password": account.offer.password}}


def from_portal(account: Account, **facts: object) -> str:
    """A server that someone made in Vultr's portal long ago: without backups, IPv6 and firewall.

    Args:
        account: whose it is.
        facts: those that are not as the portal suggests them.

    Returns:
        Its id.
    """
    number = new_id()
    plan = PLANS[str(facts["plan"])]
    account.servers[number] = BLANK | {"id": number, "os_id": 0, "tags": ["old"]} | plan | facts
    account.schedules[number] = _schedule(enabled=False)
    account.looks[number], account.born[number] = LONG_AGO, time.monotonic() - LONG_AGO
    _activate(account, account.servers[number])
    return number


def _fresh(number: str, body: Record, system: Record) -> Record:
    chosen = {"id": number, "plan": body["plan"], "region": body["region"]}
    asked = {name: body[name] for name in ORDERED if body.get(name) is not None}
    return BLANK | asked | chosen | PLANS[body["plan"]] | {"os": system["name"], "os_id": system["id"]}


def _shown(account: Account, server: Record) -> Record:
    told = {name: server[name] for name in server if name not in HIDDEN}
    features = {"auto_backups": account.schedules[server["id"]]["enabled"], "ipv6": server["enable_ipv6"]}
    return {**told, "features": [name for name, there in features.items() if there]}


def get(account: Account, number: str) -> Record:
    """A server; each look brings it nearer to being ready: first its status, long after that its server_status."""
    server = _find(account, number)
    account.looks[number] += 1
    further = account.looks[number] - account.habits.pending_looks
    if further > 0 and server["status"] == "pending":
        _activate(account, server)
    if further > account.habits.installing_looks:
        server["server_status"] = "ok"
    return {"instance": _shown(account, server)}


def _activate(account: Account, server: Record) -> None:
    server |= {"status": "active", "power_status": "running", "server_status": "installingbooting"}
    server |= {"kvm": f"https://console.invalid/{server['id']}", "main_ip": account.offer.address}
    server |= {"netmask_v4": "255.255.254.0", "gateway_v4": "192.0.2.1"}
    _give_address6(account, server)


def _give_address6(account: Account, server: Record) -> None:
    if server["enable_ipv6"]:
        parts = IPv6Address(account.offer.address6).exploded.split(":")
        server |= {"v6_main_ip": ":".join(parts), "v6_network": ":".join(parts[:4]) + "::", "v6_network_size": 64}


def update(account: Account, number: str, body: Record) -> Record:
    """Change what can be changed while a server lives."""
    server = _find(account, number)
    server |= {name: body[name] for name in CHANGEABLE if body.get(name) is not None}
    if server["status"] == "active":
        _give_address6(account, server)
    if "backups" in body:
        account.schedules[number] = _schedule(enabled=SWITCH[body["backups"]])
    return {"instance": _shown(account, server)}


def delete(account: Account, number: str) -> None:
    """Destroy a server."""
    find(account.servers, number, MISSING)
    for records in (account.servers, account.schedules, account.looks, account.born):
        records.pop(number)


def schedule(account: Account, number: str) -> Record:
    """When its backups are made."""
    _find(account, number)
    return {"backup_schedule": account.schedules[number]}


def set_schedule(account: Account, number: str, body: Record) -> Record:
    """Say when its backups are made."""
    _find(account, number)
    require(body, "type")
    if not account.schedules[number]["enabled"]:
        raise RefusedError(400, "Backups are not enabled for this instance.")
    asked: dict[str, Any] = {name: body.get(name, 0) for name in ("hour", "dow", "dom")}
    account.schedules[number] = {"enabled": True, "type": body["type"], **asked}
    return {"backup_schedule": account.schedules[number]}


def _schedule(*, enabled: bool) -> Record:
    return {"enabled": enabled, "type": "daily" if enabled else "", "hour": 0, "dow": 0, "dom": 0}


def networks(account: Account, number: str) -> list[Record]:
    """The private networks that a server is in: none."""
    _find(account, number)
    return []
