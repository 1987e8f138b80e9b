"""Which rules deploy.sh takes over from Vultr, with Vultr's answer given."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from lab.paths import TERRAFORM
from proof.vultr.account import Account
from proof.vultr.api import Api, Fault
from proof.vultr.endpoint import Endpoint

KEY = "THE-KEY"
HEADER = f"Bearer {KEY}"
SSH = {"ip_type": "v4", "protocol": "tcp", "port": "22", "subnet": "192.0.2.7", "subnet_size": 32, "notes": "SSH"}
ICMP = {"ip_type": "v4", "protocol": "icmp", "port": None, "subnet": "0.0.0.0", "subnet_size": 0, "notes": "ICMP"}


@pytest.fixture
def api() -> Api:
    return Api(KEY, Account())


@pytest.fixture
def group(api: Api) -> str:
    made = api.answer("POST", "/v2/firewalls", HEADER, b"{}")
    assert made is not None and made.body is not None
    return str(made.body["firewall_group"]["id"])


def create(rule: dict[str, Any], address: str, *actions: str) -> dict[str, Any]:
    change = {"actions": list(actions or ("create",)), "after": rule}
    return {"address": address, "type": "vultr_firewall_rule", "mode": "managed", "change": change}


def plan(group: str, *changes: dict[str, Any]) -> dict[str, Any]:
    resources = [{"address": "vultr_firewall_group.mail", "values": {"id": group}}] if group else []
    return {"resource_changes": list(changes), "prior_state": {"values": {"root_module": {"resources": resources}}}}


def known(api: Api, folder: Path, read: dict[str, Any]) -> subprocess.CompletedProcess[str]:
    folder.mkdir()
    with Endpoint(api, folder) as endpoint:
        return subprocess.run(
            [sys.executable, "-B", str(TERRAFORM / "known_rules.py")],
            input=json.dumps(read),
            env={**endpoint.environment, "VULTR_API_KEY": KEY},
            capture_output=True,
            text=True,
            check=False,
        )


def test_a_rule_that_vultr_has_is_taken_over_and_another_one_is_not(api: Api, group: str, tmp_path: Path) -> None:
    for rule in (ICMP, SSH):
        sent = {name: value for name, value in rule.items() if value is not None}
        api.answer("POST", f"/v2/firewalls/{group}/rules", HEADER, json.dumps(sent).encode())
    other = {**SSH, "port": "2288"}
    wanted = plan(group, create(other, "rule.other"), create(SSH, 'rule.ssh["a b"]'), create(ICMP, "rule.icmp"))
    done = known(api, tmp_path / "tls", wanted)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f'rule.ssh["a b"]\t{group},2\nrule.icmp\t{group},1\n'


@pytest.mark.parametrize("actions", [("no-op",), ("delete", "create"), ("update",)])
def test_if_no_rule_is_new_vultr_is_not_asked(api: Api, group: str, tmp_path: Path, actions: tuple[str, ...]) -> None:
    before = len(api.calls)
    done = known(api, tmp_path / "tls", plan(group, create(SSH, "rule.ssh", *actions)))
    assert (done.returncode, done.stdout, len(api.calls)) == (0, "", before)


def test_without_a_group_vultr_is_not_asked(api: Api, tmp_path: Path) -> None:
    done = known(api, tmp_path / "tls", plan("", create(SSH, "rule.ssh")))
    assert (done.returncode, done.stdout, api.calls) == (0, "", [])


def test_vultr_s_refusal_is_one_line_without_the_key(api: Api, group: str, tmp_path: Path) -> None:
    api.faults = [Fault(500)]
    done = known(api, tmp_path / "tls", plan(group, create(SSH, "rule.ssh")))
    assert (done.returncode, done.stdout) == (1, "")
    assert len(done.stderr.splitlines()) == 1
    assert "Vultr does not report its firewall rules: HTTP Error 500" in done.stderr
    assert KEY not in done.stderr
