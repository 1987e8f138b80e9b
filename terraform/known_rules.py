"""Firewall rules that a plan would make although Vultr has them: the answer was lost when they were made.

Reads the output of `terraform show -json` from its standard input, and prints a line `ADDRESS<TAB>ID` for
`terraform import` of each. Vultr is asked, with the key in VULTR_API_KEY, only if the plan adds rules to a group
that is there already. Needs nothing but Python.
"""

import json
import sys
from collections.abc import Iterator

import vultr
from review import Json, group_of

RULE = "vultr_firewall_rule"
SAME = ("ip_type", "protocol", "subnet", "subnet_size", "port", "source")  # what identifies a rule at Vultr


def wanted(plan: Json) -> dict[str, Json]:
    """Address to values of each rule that the plan makes."""
    return {
        each["address"]: each["change"]["after"]
        for each in plan.get("resource_changes", [])
        if each["type"] == RULE and each["change"]["actions"] == ["create"]
    }


def identity(rule: Json) -> tuple[str, ...]:
    """What makes it this rule; a value that is not given counts as empty."""
    return tuple(str(rule.get(name) or "") for name in SAME)


def known(plan: Json, rules: list[Json]) -> Iterator[tuple[str, int]]:
    """Address and number of the planned rules that are among Vultr's."""
    numbers = {identity(rule): int(rule["id"]) for rule in rules}
    for address, values in wanted(plan).items():
        if identity(values) in numbers:
            yield address, numbers[identity(values)]


def main() -> int:
    """Print what must be imported. Returns 1 if Vultr's rules cannot be read."""
    plan: Json = json.load(sys.stdin)
    at = group_of(plan)
    if not at or not wanted(plan):
        return 0
    try:
        found = list(known(plan, vultr.listed(f"/firewalls/{at}/rules", "firewall_rules")))
    except (OSError, ValueError, vultr.MissingError) as error:
        print(f"deploy.sh: Vultr does not report its firewall rules: {error}", file=sys.stderr)
        return 1
    for address, number in found:
        print(address, f"{at},{number}", sep="\t")
    return 0


if __name__ == "__main__":
    sys.exit(main())
