"""The part of the API for instances: created immediately, active after a while, with a schedule of backups."""

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
SWITCH = {"enabled": True, "disabled": False}


def listed(account: Account) -> Record:
    """All of the account, a page."""
    servers = [_shown(server) for server in account.servers.values()]
    return {"instances": servers, "meta": {"total": len(servers), "links": {"next": "", "prev": ""}}}


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
    account.polled[number] = 0
    return {"instance": {**_shown(account.servers[number]), "default_password": account.offer.password}}


def _fresh(number: str, body: Record, system: Record) -> Record:
    chosen = {"id": number, "plan": body["plan"], "region": body["region"]}
    asked = {name: body[name] for name in ORDERED if body.get(name) is not None}
    return BLANK | asked | chosen | PLANS[body["plan"]] | {"os": system["name"], "os_id": system["id"]}


def _shown(server: Record) -> Record:
    told = {name: server[name] for name in server if name not in HIDDEN}
    return {**told, "features": ["ipv6"] if server["enable_ipv6"] else []}


def get(account: Account, number: str) -> Record:
    """A server; each look brings it nearer to being active."""
    server = find(account.servers, number, MISSING)
    account.polled[number] += 1
    if account.polled[number] >= account.offer.polls and not account.slow:
        _activate(account, server)
    return {"instance": _shown(server)}


def _activate(account: Account, server: Record) -> None:
    server |= {"status": "active", "power_status": "running", "server_status": "ok"}
    server |= {"kvm": f"https://console.invalid/{server['id']}", "main_ip": account.offer.address}
    server |= {"netmask_v4": "255.255.254.0", "gateway_v4": "192.0.2.1"}
    if server["enable_ipv6"]:
        network = account.offer.address6.rpartition(":")[0] + ":"
        server |= {"v6_main_ip": account.offer.address6, "v6_network": network, "v6_network_size": 64}


def update(account: Account, number: str, body: Record) -> Record:
    """Change what can be changed while a server lives."""
    server = find(account.servers, number, MISSING)
    server |= {name: body[name] for name in CHANGEABLE if body.get(name) is not None}
    if "backups" in body:
        account.schedules[number] = _schedule(enabled=SWITCH[body["backups"]])
    return {"instance": _shown(server)}


def delete(account: Account, number: str) -> None:
    """Destroy a server."""
    find(account.servers, number, MISSING)
    del account.servers[number], account.schedules[number], account.polled[number]


def schedule(account: Account, number: str) -> Record:
    """When its backups are made."""
    return {"backup_schedule": find(account.schedules, number, MISSING)}


def set_schedule(account: Account, number: str, body: Record) -> Record:
    """Say when its backups are made."""
    found = find(account.schedules, number, MISSING)
    require(body, "type")
    if not found["enabled"]:
        raise RefusedError(400, "Backups are not enabled for this instance.")
    asked: dict[str, Any] = {name: body.get(name, 0) for name in ("hour", "dow", "dom")}
    account.schedules[number] = {"enabled": True, "type": body["type"], **asked}
    return {"backup_schedule": account.schedules[number]}


def _schedule(*, enabled: bool) -> Record:
    return {"enabled": enabled, "type": "daily" if enabled else "", "hour": 0, "dow": 0, "dom": 0}


def networks(account: Account, number: str) -> Record:
    """The private networks that a server is in: none."""
    find(account.servers, number, MISSING)
    return {"vpcs": [], "meta": {"total": 0, "links": {"next": "", "prev": ""}}}
