"""Ansible notices a notification without a handler only when the task changes something."""

from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from lab.paths import PROVISION

ROLES = sorted(path.name for path in (PROVISION / "roles").iterdir())


def entries(role: str, part: str) -> Iterator[dict[str, Any]]:
    for path in sorted((PROVISION / "roles" / role / part).glob("*.yml")):
        yield from yaml.safe_load(path.read_text()) or []


def notified(node: object) -> Iterator[str]:
    if isinstance(node, dict):
        names = node.get("notify", [])
        yield from [names] if isinstance(names, str) else names
        for child in node.values():
            yield from notified(child)
    elif isinstance(node, list):
        for child in node:
            yield from notified(child)


@pytest.mark.parametrize("role", ROLES)
def test_every_notification_has_its_handler(role: str) -> None:
    handlers = {entry["name"] for entry in entries(role, "handlers")}
    assert {*notified(list(entries(role, "tasks")))} <= handlers
