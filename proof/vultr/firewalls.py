"""The part of the API for firewall groups and their rules."""

from ipaddress import ip_network

from proof.vultr.account import CREATED, Account, Record, RefusedError, find, new_id, require

MISSING = "Invalid firewall group id."
NO_RULE = "Firewall rule ID not found"


def create(account: Account, body: Record) -> Record:
    """A group without rules: it lets nothing in."""
    number = new_id()
    group = {"id": number, "description": body.get("description", ""), "max_rule_count": 50}
    account.firewalls[number] = {**group, "date_created": CREATED, "date_modified": CREATED}
    account.rules[number] = {}
    return get(account, number)


def get(account: Account, number: str) -> Record:
    """A group, with how much depends on it."""
    group = find(account.firewalls, number, MISSING)
    used = sum(server["firewall_group_id"] == number for server in account.servers.values())
    return {"firewall_group": {**group, "rule_count": len(account.rules[number]), "instance_count": used}}


def update(account: Account, number: str, body: Record) -> None:
    """Another description."""
    find(account.firewalls, number, MISSING)["description"] = body.get("description", "")


def delete(account: Account, number: str) -> None:
    """Remove a group with its rules; the servers in it are open then."""
    find(account.firewalls, number, MISSING)
    del account.firewalls[number], account.rules[number]


def add_rule(account: Account, group: str, body: Record) -> Record:
    """Let something in; the same rule twice is refused, and so is a network with bits of a host."""
    find(account.firewalls, group, MISSING)
    require(body, "ip_type", "protocol", "subnet")
    try:
        ip_network(f"{body['subnet']}/{body['subnet_size']}")
    except ValueError as error:
        raise RefusedError(400, f"Invalid subnet: {error}") from None
    names = ("ip_type", "protocol", "subnet", "subnet_size", "port", "source", "notes")
    rule = {"action": "accept", **{name: body.get(name, "") for name in names}}
    there = account.rules[group]
    if any({**known, "id": 0, "notes": ""} == {**rule, "id": 0, "notes": ""} for known in there.values()):
        raise RefusedError(400, "This rule is already defined.")
    rule["id"] = max(there, default=0) + 1
    there[rule["id"]] = rule
    return {"firewall_rule": rule}


def listed(account: Account) -> list[Record]:
    """All groups of the account."""
    return [get(account, number)["firewall_group"] for number in account.firewalls]


def rules(account: Account, group: str) -> list[Record]:
    """All rules of a group."""
    find(account.firewalls, group, MISSING)
    return list(account.rules[group].values())


def get_rule(account: Account, group: str, number: str) -> Record:
    """A rule of a group."""
    find(account.firewalls, group, MISSING)
    return {"firewall_rule": find(account.rules[group], int(number), NO_RULE)}


def delete_rule(account: Account, group: str, number: str) -> None:
    """Shut a door again."""
    get_rule(account, group, number)
    del account.rules[group][int(number)]
