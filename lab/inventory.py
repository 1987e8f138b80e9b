"""The lab's own inventory, as plain values: addresses, ports and names are written there once."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from lab.errors import LabError
from lab.paths import INVENTORY

NAMED = re.compile(r"{{ (\w+) }}")  # a variable inside a text


def variables() -> Mapping[str, str]:
    """Variables of main.yml and those of the lab's mail host, merged as Ansible would; none of them is a template."""
    return {name: str(value) for name, value in _merged([INVENTORY / "group_vars" / "all" / "main.yml"]).items()}


def everything() -> Mapping[str, object]:
    """All variables that a playbook sees in the lab, as written: templates are not rendered."""
    return _merged(sorted((INVENTORY / "group_vars" / "all").glob("*.yml")))


def _merged(shared: Sequence[Path]) -> Mapping[str, object]:
    merged: dict[str, object] = {}
    for path in shared:
        merged |= _mapping(path)
    lab = _mapping(INVENTORY / "lab.yml")["all"]
    return {**merged, **lab["vars"], **lab["hosts"]["mail"]}


def _mapping(path: Path) -> dict[str, Any]:
    try:
        read = yaml.safe_load(path.read_text())
    except yaml.YAMLError as error:
        raise LabError(f"{path} is no YAML: {error}") from error
    if not isinstance(read, dict):
        raise LabError(f"{path} holds no variables.")
    return read
