"""What deploy.sh has to know of Terraform's JSON: whether a plan may be carried out, and what was left unfinished.

Reads the output of `terraform show -json` from its standard input; needs nothing but Python.
"""

import json
import sys
from collections.abc import Iterator
from typing import Any

SERVER = "vultr_instance.mail"
GROUP = "vultr_firewall_group.mail"
ADMIN_KEY = "vultr_ssh_key.admin"
SAME_LABEL = "data.vultr_instances.same_label"
EXCHANGEABLE = ("vultr_firewall_rule",)  # a rule has no other way to change, and keeps nothing
WORK, USAGE, REFUSED, NOTHING = 0, 2, 5, 8  # 1 is Python's own status of a failure

Json = dict[str, Any]


def resources(values: Json | None) -> list[Json]:
    """The resources in the values of a state or a plan; empty if it has none."""
    found: list[Json] = (values or {}).get("root_module", {}).get("resources", [])
    return found


def unfinished(state: Json) -> list[str]:
    """Addresses of what Terraform would replace for no other reason than that its making was interrupted."""
    return [
        each["address"]
        for each in resources(state.get("values"))
        if each.get("tainted") and each["type"] not in EXCHANGEABLE
    ]


def changes(plan: Json) -> list[Json]:
    """The changes that a plan would really make."""
    real = (each for each in plan.get("resource_changes", []) if each["mode"] == "managed")
    return [each for each in real if each["change"]["actions"] not in (["no-op"], ["read"])]


def objections(plan: Json) -> Iterator[str]:
    """Why a plan must not be carried out, a sentence each."""
    for each in changes(plan):
        if "delete" in each["change"]["actions"] and each["type"] not in EXCHANGEABLE:
            paths = each["change"].get("replace_paths") or []
            because = f", because of {' and '.join('.'.join(map(str, path)) for path in paths)}" if paths else ""
            yield f"the plan would destroy or replace {each['address']}{because}. It is refused; nothing was changed."
    before = {each["address"]: each["values"] for each in resources(plan.get("prior_state", {}).get("values"))}
    ours = before.get(SERVER, {}).get("id")
    for server in before.get(SAME_LABEL, {}).get("instances", []):
        if server["id"] != ours:
            yield (
                f"Vultr has a server {server['id']} at {server['main_ip']} of the same label that is not in the state. "
                + (
                    f"It was ordered at {server.get('date_created', 'an unknown time')}, by an order whose answer was "
                    "lost or by someone else: ask, before one of the two is destroyed in Vultr's portal. This run has "
                    "not touched it."
                    if ours
                    else f"If an earlier run made it, take it over: deploy.sh adopt {server['id']}. "
                    "If not, give this one another label in terraform.tfvars. Nothing was changed."
                )
            )


def notes(plan: Json) -> Iterator[str]:
    """What a plan does not do, although one might think so, a sentence each."""
    before = {each["address"] for each in resources(plan.get("prior_state", {}).get("values"))}
    for each in changes(plan):
        if each["address"] == ADMIN_KEY and "update" in each["change"]["actions"] and SERVER in before:
            yield (
                "the new SSH key goes to the account, for servers that are ordered later. The server itself lets in "
                "the old one until admin_public_key_file names the new one and task 1.2.3 is applied: "
                "ansible-playbook -i provision/inventory/vultr.yml provision/task_1.2.3.yml"
            )


def server_of(state: Json) -> str:
    """The id of the server that a state knows; empty if it knows none."""
    known = (each for each in resources(state.get("values")) if each["address"] == SERVER)
    return next((str(each["values"]["id"]) for each in known), "")


def orders(plan: Json) -> bool:
    """Whether a plan orders a server."""
    return any(each["address"] == SERVER and "create" in each["change"]["actions"] for each in changes(plan))


def label_of(plan: Json) -> str:
    """The label of the server in a plan."""
    planned = resources(plan.get("planned_values"))
    return next((str(each["values"]["label"]) for each in planned if each["address"] == SERVER), "")


def group_of(plan: Json) -> str:
    """The id of the firewall group that the state of a plan knows; empty if it knows none."""
    before = resources(plan.get("prior_state", {}).get("values"))
    return next((str(each["values"]["id"]) for each in before if each["address"] == GROUP), "")


TEXTS = {"server": server_of, "label": label_of, "group": group_of}


def main(what: str) -> int:
    """Print what was requested. For a plan: 0 if it has work, 8 if it has none, 5 if it is refused."""
    read: Json = json.load(sys.stdin)
    if what in TEXTS:
        print(TEXTS[what](read))
        return 0
    if what == "orders":
        return 0 if orders(read) else NOTHING
    if what == "unfinished":
        print(*unfinished(read), sep="\n", end="\n" if unfinished(read) else "")
        return 0
    for note in notes(read):
        print(f"deploy.sh: {note}", file=sys.stderr)
    refused = list(objections(read))
    for reason in refused:
        print(f"deploy.sh: {reason}", file=sys.stderr)
    if refused:
        return REFUSED
    return WORK if changes(read) else NOTHING


if __name__ == "__main__":
    if sys.argv[1:] not in (["plan"], ["unfinished"], ["orders"], *([name] for name in TEXTS)):
        sys.exit(USAGE)
    sys.exit(main(sys.argv[1]))
