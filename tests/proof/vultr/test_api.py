"""The stand-in answers as Vultr documents, and refuses what Vultr refuses."""

import json
import ssl
from http.client import HTTPSConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from proof.vultr.account import Account, Habits
from proof.vultr.api import Answer, Api, Fault
from proof.vultr.endpoint import HOST, Endpoint

ORDER = {"region": "dfw", "plan": "vc2-2c-4gb", "os_id": 2625, "backups": "enabled", "enable_ipv6": True}


@pytest.fixture
def api() -> Api:
    """Of a Vultr that answers at once, and no longer knows VPC 2.0."""
    return Api("KEY", Account(habits=Habits(hidden_seconds=0)))


def ask(api: Api, method: str, path: str, body: object = None, key: str = "KEY") -> tuple[int, Any]:
    answer = api.answer(method, path, f"Bearer {key}", json.dumps(body).encode() if body is not None else b"")
    assert isinstance(answer, Answer)
    return answer.status, answer.body


def order(api: Api, **other: object) -> str:
    status, body = ask(api, "POST", "/v2/instances", {**ORDER, **other})
    assert status == 202, body
    number: str = body["instance"]["id"]
    return number


def test_a_wrong_key_learns_nothing_and_changes_nothing(api: Api) -> None:
    assert ask(api, "POST", "/v2/instances", ORDER, key="other") == (
        401,
        {"error": "Invalid API token.", "status": 401},
    )
    assert not api.account.servers


def test_a_server_becomes_active_after_a_while(api: Api) -> None:
    number = order(api)
    seen = [ask(api, "GET", f"/v2/instances/{number}")[1]["instance"] for _ in range(2)]
    assert [(server["status"], server["main_ip"]) for server in seen] == [
        ("pending", "0.0.0.0"),
        ("active", api.account.offer.address),
    ]


def test_a_server_is_ready_long_after_it_is_active(api: Api) -> None:
    api.account.habits.installing_looks = 2
    number = order(api)
    seen = [ask(api, "GET", f"/v2/instances/{number}")[1]["instance"]["server_status"] for _ in range(4)]
    assert seen == ["none", "installingbooting", "installingbooting", "ok"]


def test_a_new_server_is_not_known_at_once(api: Api) -> None:
    api.account.habits.hidden_seconds = 60
    number = order(api)
    assert ask(api, "GET", f"/v2/instances/{number}")[0] == 404
    assert ask(api, "PATCH", f"/v2/instances/{number}", {"label": "x"})[0] == 404
    assert ask(api, "GET", "/v2/instances")[1]["instances"] == []
    api.account.born[number] -= 61
    assert len(ask(api, "GET", "/v2/instances")[1]["instances"]) == 1


def test_what_vultr_has_ended_is_not_found(api: Api) -> None:
    number = order(api)
    assert ask(api, "GET", f"/v2/instances/{number}/vpc2") == (404, {"error": "Not found.", "status": 404})
    assert ask(api, "GET", f"/v2/instances/{number}/vpcs")[0] == 200


def test_a_list_comes_in_pages(api: Api) -> None:
    numbers = [order(api, label=f"server {number}") for number in range(5)]
    seen: list[str] = []
    cursor = ""
    for _ in range(3):
        _, body = ask(api, "GET", f"/v2/instances?per_page=500{f'&cursor={cursor}' if cursor else ''}")
        assert body["meta"]["total"] == 5
        seen += [each["id"] for each in body["instances"]]
        cursor = body["meta"]["links"]["next"]
    assert (seen, cursor) == (numbers, "")
    assert ask(api, "GET", "/v2/instances?cursor=nonsense")[0] == 400


def test_addresses_and_features_look_as_vultr_writes_them(api: Api) -> None:
    number = order(api)
    for _ in range(2):
        server = ask(api, "GET", f"/v2/instances/{number}")[1]["instance"]
    assert server["v6_main_ip"] == "2001:0db8:0025:0000:0000:0000:0000:0025"
    assert server["features"] == ["auto_backups", "ipv6"]


def test_more_requests_than_are_allowed_are_put_off(api: Api) -> None:
    api.account.habits.calls_per_second = 3
    assert [ask(api, "GET", "/v2/os")[0] for _ in range(4)] == [200, 200, 200, 429]


def test_only_the_first_answer_reports_the_password(api: Api) -> None:
    _, made = ask(api, "POST", "/v2/instances", ORDER)
    assert made["instance"]["default_password"] == api.account.offer.password
    assert "default_password" not in ask(api, "GET", f"/v2/instances/{made['instance']['id']}")[1]["instance"]


@pytest.mark.parametrize(
    "wrong", [{"region": "moon"}, {"plan": "huge"}, {"os_id": 1}, {"region": ""}, {"firewall_group_id": "none"}]
)
def test_a_wrong_order_is_refused(api: Api, wrong: dict[str, object]) -> None:
    assert ask(api, "POST", "/v2/instances", {**ORDER, **wrong})[0] in (400, 404)
    assert not api.account.servers


def test_a_schedule_needs_backups(api: Api) -> None:
    number = order(api, backups="disabled")
    daily = {"type": "daily", "hour": 2}
    assert ask(api, "POST", f"/v2/instances/{number}/backup-schedule", daily)[0] == 400
    ask(api, "PATCH", f"/v2/instances/{number}", {"backups": "enabled"})
    assert ask(api, "POST", f"/v2/instances/{number}/backup-schedule", daily)[0] == 200
    _, kept = ask(api, "GET", f"/v2/instances/{number}/backup-schedule")
    assert kept["backup_schedule"] == {"enabled": True, "type": "daily", "hour": 2, "dow": 0, "dom": 0}


def test_a_rule_is_kept_once_and_names_a_network(api: Api) -> None:
    _, group = ask(api, "POST", "/v2/firewalls", {"description": "mail"})
    rules = f"/v2/firewalls/{group['firewall_group']['id']}/rules"
    rule = {"ip_type": "v4", "protocol": "tcp", "port": "22", "subnet": "192.0.2.7", "subnet_size": 32}
    assert [ask(api, "POST", rules, rule)[0] for _ in range(2)] == [201, 400]
    assert ask(api, "POST", rules, {**rule, "subnet_size": 24})[0] == 400
    assert ask(api, "GET", f"{rules}/1")[1]["firewall_rule"]["port"] == "22"
    assert ask(api, "DELETE", f"{rules}/1")[0] == 204
    assert ask(api, "GET", f"{rules}/1")[0] == 404


def test_what_the_api_does_not_have_is_not_found(api: Api) -> None:
    assert ask(api, "GET", "/v2/instances/nonsense")[0] == 404


def test_a_fault_strikes_as_often_as_it_says(api: Api) -> None:
    api.faults = [Fault(429, on="GET /v2/os$", times=1, retry_after=7)]
    first = api.answer("GET", "/v2/os", "Bearer KEY", b"")
    assert first is not None
    assert (first.status, first.headers) == (429, {"Retry-After": "7"})
    assert ask(api, "GET", "/v2/os")[0] == 200


def test_a_lost_answer_is_carried_out_all_the_same(api: Api) -> None:
    api.faults = [Fault(None, on="POST /v2/instances$", times=1, done=True)]
    assert api.answer("POST", "/v2/instances", "Bearer KEY", json.dumps(ORDER).encode()) is None
    assert len(api.account.servers) == 1


def connection(endpoint: Endpoint, host: str) -> HTTPSConnection:
    """As a program makes it that honours the endpoint's environment."""
    proxy = urlsplit(endpoint.environment["HTTPS_PROXY"])
    assert proxy.hostname is not None
    trusted = ssl.create_default_context(cafile=endpoint.environment["SSL_CERT_FILE"])
    made = HTTPSConnection(proxy.hostname, proxy.port, context=trusted, timeout=10)
    made.set_tunnel(host, 443)
    return made


def test_the_endpoint_answers_for_the_apis_host(api: Api, tmp_path: Path) -> None:
    with Endpoint(api, tmp_path) as endpoint:
        made = connection(endpoint, HOST)
        made.request("GET", "/v2/os", headers={"Authorization": "Bearer KEY"})
        names = [system["name"] for system in json.load(made.getresponse())["os"]]
        made.close()
    assert "Debian 13 x64 (trixie)" in names
    assert [str(call) for call in api.calls] == ["GET /v2/os -> 200"]


def test_the_endpoint_leads_nowhere_else(api: Api, tmp_path: Path) -> None:
    with Endpoint(api, tmp_path) as endpoint, pytest.raises(OSError, match="403"):
        connection(endpoint, "elsewhere.invalid").request("GET", "/")
    assert endpoint.refused == ["elsewhere.invalid:443"]
    assert not api.calls
