"""What deploy.sh lets pass and what it refuses, on plans as `terraform show -json` writes them."""

import json
import subprocess
import sys
from typing import Any

import pytest

from lab.paths import TERRAFORM

SERVER, RULE, KEY = "vultr_instance.mail", 'vultr_firewall_rule.ssh["192.0.2.7/32 22"]', "vultr_ssh_key.admin"
WORK, NOTHING, REFUSED = 0, 1, 5


def change(address: str, *actions: str, mode: str = "managed") -> dict[str, Any]:
    return {"address": address, "mode": mode, "type": address.partition(".")[0], "change": {"actions": list(actions)}}


def plan(*changes: dict[str, Any], ours: str = "", there: tuple[str, ...] = ()) -> dict[str, Any]:
    known = [{"address": SERVER, "type": "vultr_instance", "values": {"id": ours}}] if ours else []
    seen = {"instances": [{"id": number, "main_ip": "192.0.2.9"} for number in there]}
    looked = {"address": "data.vultr_instances.same_label", "type": "vultr_instances", "values": seen}
    return {
        "resource_changes": list(changes),
        "prior_state": {"values": {"root_module": {"resources": [*known, looked]}}},
    }


def review(what: str, given: object) -> tuple[int, str, str]:
    command = [sys.executable, str(TERRAFORM / "review.py"), what]
    done = subprocess.run(command, input=json.dumps(given), capture_output=True, text=True, check=False)
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize(
    ("given", "status"),
    [
        (plan(change(SERVER, "create"), change(KEY, "create")), WORK),
        (plan(change(SERVER, "update"), ours="a", there=("a",)), WORK),
        (plan(change(SERVER, "no-op"), change("data.x", "read", mode="data"), ours="a", there=("a",)), NOTHING),
        ({"resource_changes": []}, NOTHING),
        (plan(change(RULE, "delete"), ours="a", there=("a",)), WORK),
        (plan(change(RULE, "delete", "create"), ours="a"), WORK),
        (plan(change(SERVER, "delete"), ours="a", there=("a",)), REFUSED),
        (plan(change(SERVER, "delete", "create"), ours="a"), REFUSED),
        (plan(change(SERVER, "create", "delete"), ours="a"), REFUSED),
        (plan(change(KEY, "delete"), change(SERVER, "no-op"), ours="a"), REFUSED),
        (plan(change(SERVER, "create"), there=("b",)), REFUSED),
        (plan(change(SERVER, "no-op"), ours="a", there=("a", "b")), REFUSED),
    ],
)
def test_only_a_plan_that_loses_nothing_passes(given: dict[str, Any], status: int) -> None:
    found, _, said = review("plan", given)
    assert found == status, said
    assert bool(said) is (status == REFUSED)


def test_a_server_that_nobody_remembers_can_be_taken_over() -> None:
    _, _, said = review("plan", plan(change(SERVER, "create"), there=("b",)))
    assert f"terraform import {SERVER} b" in said
    _, _, said = review("plan", plan(change(SERVER, "no-op"), ours="a", there=("a", "b")))
    assert "import" not in said
    assert "a server b" in said


def test_what_was_being_made_is_told_from_what_may_be_made_anew() -> None:
    resources = [
        {"address": SERVER, "type": "vultr_instance", "tainted": True},
        {"address": RULE, "type": "vultr_firewall_rule", "tainted": True},
        {"address": KEY, "type": "vultr_ssh_key"},
    ]
    assert review("unfinished", {"values": {"root_module": {"resources": resources}}}) == (0, f"{SERVER}\n", "")
    assert review("unfinished", {"format_version": "1.0"}) == (0, "", "")


def test_wrong_use_is_told_apart() -> None:
    assert review("anything", {})[0] == 2
