"""deploy.sh's judgement of a plan, which needs neither Terraform nor Vultr."""

import json
import subprocess
import sys
from typing import Any

import pytest

from lab.paths import TERRAFORM

OURS = {"id": "1", "main_ip": "192.0.2.25"}
TWIN = {"id": "2", "main_ip": "192.0.2.26"}


def change(address: str, *actions: str, mode: str = "managed") -> dict[str, Any]:
    return {
        "address": address,
        "type": address.split(".", maxsplit=1)[0],
        "mode": mode,
        "change": {"actions": list(actions)},
    }


def plan(*changes: dict[str, Any], known: bool = True, seen: tuple[dict[str, str], ...] = (OURS,)) -> dict[str, Any]:
    listed = {"address": "data.vultr_instances.same_label", "values": {"instances": list(seen)}}
    server = {"address": "vultr_instance.mail", "values": OURS}
    values = {"root_module": {"resources": [listed, server] if known else [listed]}}
    return {"resource_changes": list(changes), "prior_state": {"values": values}}


def review(what: str, read: dict[str, Any]) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(TERRAFORM / "review.py"), what]
    return subprocess.run(command, input=json.dumps(read), capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ([], 8),
        ([change("vultr_instance.mail", "no-op")], 8),
        ([change("data.vultr_os.debian", "read", mode="data")], 8),
        ([change("vultr_instance.mail", "update")], 0),
        ([change("vultr_firewall_rule.ssh", "delete")], 0),
        ([change("vultr_firewall_rule.ssh", "delete", "create")], 0),
        ([change("vultr_instance.mail", "delete")], 5),
        ([change("vultr_instance.mail", "create", "delete")], 5),
        ([change("vultr_ssh_key.admin", "update"), change("vultr_firewall_group.mail", "delete")], 5),
    ],
)
def test_work_nothing_or_refused(changes: list[dict[str, Any]], status: int) -> None:
    assert review("plan", plan(*changes)).returncode == status


def test_a_first_order_has_no_state() -> None:
    assert review("plan", {"resource_changes": [change("vultr_instance.mail", "create")]}).returncode == 0


def test_a_forgotten_server_is_to_be_taken_over() -> None:
    done = review("plan", plan(change("vultr_instance.mail", "create"), known=False))
    assert done.returncode == 5
    assert "deploy.sh adopt 1" in done.stderr


def test_a_second_server_is_named_and_not_taken_over() -> None:
    done = review("plan", plan(seen=(OURS, TWIN)))
    assert done.returncode == 5
    assert "has a server 2 at 192.0.2.26" in done.stderr
    assert "import" not in done.stderr


def test_what_was_interrupted_is_unfinished_but_for_rules() -> None:
    resources = [
        {"address": "vultr_instance.mail", "type": "vultr_instance", "tainted": True},
        {"address": "vultr_ssh_key.admin", "type": "vultr_ssh_key"},
        {"address": 'vultr_firewall_rule.icmp["v4"]', "type": "vultr_firewall_rule", "tainted": True},
    ]
    done = review("unfinished", {"values": {"root_module": {"resources": resources}}})
    assert (done.returncode, done.stdout) == (0, "vultr_instance.mail\n")


def test_an_empty_state_has_nothing_unfinished() -> None:
    assert review("unfinished", {}).stdout == ""


def test_another_question_is_wrong_use() -> None:
    assert review("destroy", {}).returncode == 2


def test_the_attribute_that_would_replace_the_server_is_named() -> None:
    replaced = change("vultr_instance.mail", "delete", "create")
    replaced["change"]["replace_paths"] = [["hostname"], ["region"]]
    assert "because of hostname and region" in review("plan", plan(replaced)).stderr


def test_a_new_key_is_said_to_leave_the_server_as_it_is() -> None:
    assert "lets in the old one" in review("plan", plan(change("vultr_ssh_key.admin", "update"))).stderr
    assert "old one" not in review("plan", plan(change("vultr_ssh_key.admin", "update"), known=False)).stderr
    assert "old one" not in review("plan", plan(change("vultr_ssh_key.admin", "create"))).stderr


def test_what_deploy_sh_looks_up_in_states_and_plans() -> None:
    state = {"values": {"root_module": {"resources": [{"address": "vultr_instance.mail", "values": OURS}]}}}
    assert review("server", state).stdout == "1\n"
    assert review("server", {}).stdout == "\n"
    planned = {"root_module": {"resources": [{"address": "vultr_instance.mail", "values": {"label": "mail"}}]}}
    assert review("label", {"planned_values": planned}).stdout == "mail\n"
    assert review("orders", plan(change("vultr_instance.mail", "create"))).returncode == 0
    assert review("orders", plan(change("vultr_instance.mail", "update"))).returncode == 8
