"""The stand-in answers as the API documents, and goes wrong as it is told to."""

import json
from typing import Any

import pytest

from proof.vultr.account import Account
from proof.vultr.api import Answer, Api, Fault

KEY = "THE-KEY"
ORDER = {
    "region": "dfw",
    "plan": "vc2-2c-4gb",
    "os_id": 2625,
    "label": "mail",
    "enable_ipv6": True,
    "backups": "enabled",
}


@pytest.fixture
def api() -> Api:
    return Api(KEY, Account())


def answer(api: Api, request: str, body: object = None, key: str = KEY) -> Answer:
    method, path = request.split()
    found = api.answer(method, path, f"Bearer {key}", b"" if body is None else json.dumps(body).encode())
    assert found is not None
    return found


def told(api: Api, request: str, body: object = None) -> dict[str, Any]:
    found = answer(api, request, body)
    assert found.status < 300, found
    assert found.body is not None
    inner: dict[str, Any] = next(iter(found.body.values()))
    return inner


def test_nobody_is_let_in_without_the_key(api: Api) -> None:
    for key in ("", "another", KEY.lower()):
        refused = answer(api, "GET /v2/os", key=key)
        assert (refused.status, refused.body) == (401, {"error": "Invalid API token.", "status": 401})
    assert answer(api, "POST /v2/instances", ORDER, key="").status == 401
    assert not api.account.servers


def test_a_server_becomes_active_after_a_while_and_tells_its_password_once(api: Api) -> None:
    made = told(api, "POST /v2/instances", ORDER)
    number, password = made["id"], made["default_password"]
    assert (made["status"], made["main_ip"], password) == ("pending", "0.0.0.0", api.account.offer.password)
    seen = [told(api, f"GET /v2/instances/{number}") for _ in range(3)]
    assert [server["status"] for server in seen] == ["pending", "active", "active"]
    assert (seen[-1]["main_ip"], seen[-1]["v6_main_ip"]) == (api.account.offer.address, api.account.offer.address6)
    assert all("default_password" not in server for server in seen)
    api.account.slow = True
    slow = told(api, "POST /v2/instances", ORDER)["id"]
    assert {told(api, f"GET /v2/instances/{slow}")["status"] for _ in range(9)} == {"pending"}


def test_backups_have_a_schedule_once_it_is_set(api: Api) -> None:
    number = told(api, "POST /v2/instances", ORDER)["id"]
    path = f"/v2/instances/{number}/backup-schedule"
    assert told(api, f"GET {path}")["enabled"] is True
    assert told(api, f"GET {path}")["hour"] == 0
    answer(api, f"POST {path}", {"type": "daily", "hour": 2})
    assert told(api, f"GET {path}") == {"enabled": True, "type": "daily", "hour": 2, "dow": 0, "dom": 0}
    without = told(api, "POST /v2/instances", {**ORDER, "backups": "disabled"})["id"]
    assert answer(api, f"POST /v2/instances/{without}/backup-schedule", {"type": "daily"}).status == 400


@pytest.mark.parametrize(
    "wrong", [{"region": "nowhere"}, {"plan": "vc9"}, {"os_id": 1}, {"plan": ""}, {"sshkey_id": ["none"]}]
)
def test_a_wrong_order_is_refused(api: Api, wrong: dict[str, object]) -> None:
    assert answer(api, "POST /v2/instances", {**ORDER, **wrong}).status in (400, 404)
    assert not api.account.servers


def test_what_is_gone_is_told_in_the_words_that_the_provider_knows(api: Api) -> None:
    nobody = "00000000-0000-0000-0000-000000000000"
    group = told(api, "POST /v2/firewalls", {"description": "d"})["id"]
    for path, words in (
        (f"instances/{nobody}", "instance not found"),
        (f"ssh-keys/{nobody}", "Invalid ssh key"),
        (f"firewalls/{group}/rules/7", "Firewall rule ID not found"),
    ):
        gone = answer(api, f"GET /v2/{path}")
        assert gone.status == 404
        assert words in str(gone.body)


def test_a_rule_is_let_in_once_and_only_for_a_network(api: Api) -> None:
    group = told(api, "POST /v2/firewalls", {"description": "d"})["id"]
    rule = {"ip_type": "v4", "protocol": "tcp", "subnet": "192.0.2.0", "subnet_size": 24, "port": "22"}
    assert told(api, f"POST /v2/firewalls/{group}/rules", rule)["id"] == 1
    assert answer(api, f"POST /v2/firewalls/{group}/rules", {**rule, "notes": "again"}).status == 400
    assert answer(api, f"POST /v2/firewalls/{group}/rules", {**rule, "subnet": "192.0.2.7"}).status == 400
    assert answer(api, f"DELETE /v2/firewalls/{group}/rules/1").status == 204
    assert answer(api, f"GET /v2/firewalls/{group}/rules/1").status == 404


def test_what_is_changed_is_told_so_afterwards(api: Api) -> None:
    key = told(api, "POST /v2/ssh-keys", {"name": "n", "ssh_key": "ssh-ed25519 AAAA"})["id"]
    answer(api, f"PATCH /v2/ssh-keys/{key}", {"name": "m"})
    assert told(api, f"GET /v2/ssh-keys/{key}")["name"] == "m"
    server = told(api, "POST /v2/instances", ORDER)["id"]
    answer(api, f"PATCH /v2/instances/{server}", {"label": "other", "backups": "disabled"})
    assert told(api, f"GET /v2/instances/{server}")["label"] == "other"
    assert told(api, f"GET /v2/instances/{server}/backup-schedule")["enabled"] is False
    group = told(api, "POST /v2/firewalls", {"description": "d"})["id"]
    answer(api, f"PUT /v2/firewalls/{group}", {"description": "e"})
    assert told(api, f"GET /v2/firewalls/{group}")["description"] == "e"
    for path in (f"ssh-keys/{key}", f"instances/{server}", f"firewalls/{group}"):
        assert answer(api, f"DELETE /v2/{path}").status == 204
        assert answer(api, f"GET /v2/{path}").status == 404
    assert not any(api.account.holdings().values())


def test_an_endpoint_that_nobody_wrote_is_no_success(api: Api) -> None:
    assert answer(api, "GET /v2/kubernetes/clusters").status == 404
    assert answer(api, "PUT /v2/instances", ORDER).status == 404
    assert api.answer("POST", "/v2/ssh-keys", f"Bearer {KEY}", b"{") == Answer(
        400,
        {
            "error": "Invalid JSON: Expecting property name enclosed in double quotes: line 1 column 2 (char 1)",
            "status": 400,
        },
    )


def test_a_fault_strikes_where_and_as_often_as_it_is_told(api: Api) -> None:
    api.faults = [Fault(429, on="GET /v2/os", times=2, retry_after=7)]
    struck = [answer(api, "GET /v2/os") for _ in range(3)]
    assert [each.status for each in struck] == [429, 429, 200]
    assert struck[0].headers == {"Retry-After": "7"}
    api.faults = [Fault(None, on="POST")]
    assert api.answer("POST", "/v2/instances", f"Bearer {KEY}", json.dumps(ORDER).encode()) is None
    assert answer(api, "GET /v2/os").status == 200
    assert not api.account.servers
    api.faults = [Fault(500, on="POST /v2/instances$", times=1, done=True)]
    assert answer(api, "POST /v2/instances", ORDER).status == 500
    assert len(api.account.servers) == 1
    assert [str(call) for call in api.calls[-2:]] == ["GET /v2/os -> 200", "POST /v2/instances -> 500"]
