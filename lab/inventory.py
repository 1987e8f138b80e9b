"""The lab's own inventory, as plain values: addresses, ports and names are written there once."""

from collections.abc import Mapping

import yaml

from lab.paths import INVENTORY


def variables() -> Mapping[str, str]:
    """Shared variables and those of the lab's mail host, merged as Ansible would; none of them is a template."""
    lab = yaml.safe_load((INVENTORY / "lab.yml").read_text())["all"]
    shared = yaml.safe_load((INVENTORY / "group_vars" / "all" / "main.yml").read_text())
    merged = {**shared, **lab["vars"], **lab["hosts"]["mail"]}
    return {name: str(value) for name, value in merged.items()}
