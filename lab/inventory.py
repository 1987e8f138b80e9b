"""The lab's own inventory, as plain values: addresses, ports and names are written there once."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import yaml

from lab.paths import INVENTORY


def variables() -> Mapping[str, str]:
    """Variables of main.yml and those of the lab's mail host, merged as Ansible would; none of them is a template."""
    return {name: str(value) for name, value in _merged([INVENTORY / "group_vars" / "all" / "main.yml"]).items()}


def everything() -> Mapping[str, object]:
    """All variables that a playbook sees in the lab, as they are written: templates are not filled in."""
    return _merged(sorted((INVENTORY / "group_vars" / "all").glob("*.yml")))


def _merged(shared: Sequence[Path]) -> Mapping[str, object]:
    merged: dict[str, object] = {}
    for path in shared:
        merged |= yaml.safe_load(path.read_text())
    lab = yaml.safe_load((INVENTORY / "lab.yml").read_text())["all"]
    return {**merged, **lab["vars"], **lab["hosts"]["mail"]}
