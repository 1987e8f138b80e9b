"""vultr.py, which asks Vultr for deploy.sh, against the stand-in of Vultr."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from lab.paths import TERRAFORM
from proof.vultr import servers
from proof.vultr.account import Account, Habits
from proof.vultr.api import Api, Fault
from proof.vultr.endpoint import Endpoint

KEY = "THE-KEY"
FACTS = {
    "region": "ewr",
    "plan": "vc2-1c-1gb",
    "hostname": "vultr",
    "user_scheme": "limited",
    "os": "Debian 13 x64 (trixie)",
}
Ask = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def api() -> Api:
    return Api(KEY, Account(habits=Habits(hidden_seconds=0)))


@pytest.fixture
def ask(api: Api, tmp_path: Path) -> Ask:
    """`ask(arguments..., read=...)` runs vultr.py with the text on its standard input."""

    def asked(*arguments: str, read: str = "") -> subprocess.CompletedProcess[str]:
        folder = tmp_path / "tls"
        folder.mkdir()
        with Endpoint(api, folder) as endpoint:
            return subprocess.run(
                [sys.executable, "-B", str(TERRAFORM / "vultr.py"), *arguments],
                input=read,
                env={**endpoint.environment, "VULTR_API_KEY": KEY},
                capture_output=True,
                text=True,
                check=False,
            )

    return asked


@pytest.mark.parametrize("arguments", [[], ["nonsense"], ["await", "1"], ["servers", "all"]])
def test_wrong_use_shows_how_to_use_it(ask: Ask, api: Api, arguments: list[str]) -> None:
    done = ask(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert "vultr.py servers" in done.stderr
    assert not api.calls


def test_every_page_of_the_servers_is_read(ask: Ask, api: Api) -> None:
    numbers = [servers.from_portal(api.account, label=f"server {number}", **FACTS) for number in range(5)]
    done = ask("servers")
    assert [line.split("\t")[0] for line in done.stdout.splitlines()] == numbers


def test_a_server_that_comes_late_is_waited_for(ask: Ask, api: Api) -> None:
    api.account.habits.hidden_seconds = 2
    number = servers.create(api.account, {"region": "ewr", "plan": "vc2-1c-1gb", "os_id": 2625, "label": "mail"})
    done = ask("await-label", "mail", "30")
    assert (done.returncode, done.stdout.strip()) == (0, number["instance"]["id"])


def test_a_server_that_never_comes_is_waited_for_no_longer(ask: Ask) -> None:
    assert ask("await", "0" * 36, "0").returncode == 9


def test_too_many_requests_are_waited_out_and_other_failures_are_told(ask: Ask, api: Api) -> None:
    api.faults = [Fault(429, retry_after=0, times=2), Fault(500, on="instances$")]
    done = ask("servers")
    assert done.returncode == 1
    assert "HTTP Error 500" in done.stderr
    assert KEY not in done.stderr
    assert [call.status for call in api.calls] == [429, 429, 500]


def test_taking_over_writes_the_facts_and_names_the_imports(ask: Ask, api: Api, tmp_path: Path) -> None:
    number = servers.from_portal(api.account, label="old", **FACTS)
    api.answer("POST", "/v2/firewalls", f"Bearer {KEY}", b'{"description": "old: mine"}')
    group = next(iter(api.account.firewalls))
    api.account.servers[number]["firewall_group_id"] = group
    done = ask("adopt", number, str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"vultr_instance.mail\t{number}\nvultr_firewall_group.mail\t{group}\n"
    facts = json.loads((tmp_path / "adopted.auto.tfvars.json").read_text())
    assert facts == {"label": "old", **{name: FACTS[name] for name in FACTS if name != "os"}}


def test_a_server_with_another_system_or_none_is_not_taken_over(ask: Ask, api: Api, tmp_path: Path) -> None:
    number = servers.from_portal(api.account, label="old", **{**FACTS, "os": "Ubuntu 24.04 LTS x64"})
    done = ask("adopt", number, str(tmp_path))
    assert done.returncode == 9
    assert "Ubuntu 24.04" in done.stderr
    assert not (tmp_path / "adopted.auto.tfvars.json").exists()


def test_what_a_plan_shuts_out_is_told(ask: Ask, api: Api) -> None:
    number = servers.from_portal(api.account, label="old", **FACTS)
    rule = {"protocol": "tcp", "port": "22", "subnet": "192.0.2.7", "subnet_size": 32, "source": None}
    plan = {"resource_changes": [{"type": "vultr_firewall_rule", "change": {"after": rule}}]}
    done = ask("closes", number, read=json.dumps(plan))
    assert "everything, from everywhere" in done.stdout
    assert done.stdout.endswith("After this plan it lets in only:\n  tcp port 22 from 192.0.2.7/32\n")
