"""What deploy.sh has to know of Terraform's JSON: whether a plan may be carried out, and what was left unfinished.

Reads the output of `terraform show -json` from its standard input; needs nothing but Python.
"""

import json
import sys
from collections.abc import Iterator
from typing import Any

SERVER = "vultr_instance.mail"
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
            yield f"the plan would destroy or replace {each['address']}, which is never done. Nothing was changed."
    before = {each["address"]: each["values"] for each in resources(plan.get("prior_state", {}).get("values"))}
    ours = before.get(SERVER, {}).get("id")
    for server in before.get(SAME_LABEL, {}).get("instances", []):
        if server["id"] != ours:
            yield (
                f"Vultr has a server {server['id']} at {server['main_ip']} of the same label that is not in the state. "
                + (
                    "If it is a leftover, destroy it in Vultr's portal; this run has not touched it."
                    if ours
                    else f"If an earlier run made it, take it over: terraform import {SERVER} {server['id']}. "
                    "If not, give this one another label in terraform.tfvars. Nothing was changed."
                )
            )


def main(what: str) -> int:
    """Print what was requested. For a plan: 0 if it has work, 8 if it has none, 5 if it is refused."""
    read: Json = json.load(sys.stdin)
    if what == "unfinished":
        print(*unfinished(read), sep="\n", end="\n" if unfinished(read) else "")
        return 0
    refused = list(objections(read))
    for reason in refused:
        print(f"deploy.sh: {reason}", file=sys.stderr)
    if refused:
        return REFUSED
    return WORK if changes(read) else NOTHING


if __name__ == "__main__":
    if sys.argv[1:] not in (["plan"], ["unfinished"]):
        sys.exit(USAGE)
    sys.exit(main(sys.argv[1]))
