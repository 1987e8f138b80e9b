"""The API is found where a Go program looks for it, and nowhere else is reached."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from proof.vultr.account import Account
from proof.vultr.api import Api, Fault
from proof.vultr.endpoint import HOST, Endpoint

KEY = "THE-KEY"


@pytest.fixture
def endpoint(tmp_path: Path) -> Iterator[Endpoint]:
    with Endpoint(Api(KEY, Account()), tmp_path) as opened:
        yield opened


def ask(endpoint: Endpoint, host: str = HOST, *, verify: str | None = None, timeout: float = 10) -> requests.Response:
    environment = endpoint.environment
    with requests.Session() as session:
        session.trust_env = False
        return session.get(
            f"https://{host}/v2/os",
            headers={"Authorization": f"Bearer {KEY}"},
            proxies={"https": environment["HTTPS_PROXY"]},
            verify=verify or environment["SSL_CERT_FILE"],
            timeout=timeout,
        )


def test_it_answers_for_the_apis_host_with_a_certificate_of_its_own_ca(endpoint: Endpoint) -> None:
    answer = ask(endpoint)
    assert answer.status_code == 200
    assert "Debian 13 x64 (trixie)" in [system["name"] for system in answer.json()["os"]]


def test_no_one_else_vouches_for_it(endpoint: Endpoint, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    with Endpoint(Api(KEY, Account()), other) as stranger, pytest.raises(requests.exceptions.SSLError):
        ask(endpoint, verify=stranger.environment["SSL_CERT_FILE"])
    assert not endpoint.api.calls


def test_another_host_is_refused_and_remembered(endpoint: Endpoint) -> None:
    with pytest.raises(requests.exceptions.ProxyError):
        ask(endpoint, "registry.terraform.io")
    assert endpoint.refused == ["registry.terraform.io:443"]


def test_an_answer_that_never_comes_does_not_keep_it_from_closing(endpoint: Endpoint) -> None:
    endpoint.api.faults = [Fault(None)]
    with pytest.raises(requests.exceptions.ReadTimeout):
        ask(endpoint, timeout=0.3)


def test_a_fault_reports_when_to_come_back(endpoint: Endpoint) -> None:
    endpoint.api.faults = [Fault(429, retry_after=3)]
    answer = ask(endpoint)
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "3")
