"""Connections to the host from elsewhere, and their silence."""

import pytest
from pytest_bdd import given, parsers, then, when
from testinfra.host import Host

from proof.clients import tcp_probe
from proof.clients.tcp_probe import ProbeResult
from proof.hosts.target import Target

ADDRESSES = {
    "VPN address": "vpn_address",
    "public IPv4 address": "public_address",
    "public IPv6 address": "public_address6",
}
PORTS = {"SSH": "ssh_port", "the database": "postgres_port"}
LEFT_OPEN = "the service left open"


def port_of(service: str, target: Target, request: pytest.FixtureRequest) -> int:
    """Port of a service in a sentence: the inventory's, or that of a service which the scenario opened."""
    return int(request.getfixturevalue("left_open")) if service == LEFT_OPEN else target.number(PORTS[service])


@given("the outsider sends packets for the VPN address straight to the host")
def shortcut(outsider: Host, target: Target, request: pytest.FixtureRequest) -> None:
    """A route that no one can forbid a neighbour; it is gone when the scenario ends."""
    if " via " in outsider.check_output("ip route get %s", target.text("public_address")):
        pytest.skip(f"the outsider of {target.name} is not on the host's own segment, so it has no such route")
    route = (f"{target.text('vpn_address')}/32", target.text("public_address"))
    outsider.run_expect([0], "ip route replace %s via %s", *route)
    request.addfinalizer(lambda: outsider.run("ip route del %s via %s", *route))


@when(
    parsers.re(
        f"the outsider tries to connect to (?P<service>{'|'.join([*PORTS, LEFT_OPEN])})"
        f" at the (?P<address>{'|'.join(ADDRESSES)})"
    ),
    target_fixture="heard",
)
def outsider_tries(
    outsider: Host, target: Target, request: pytest.FixtureRequest, service: str, address: str
) -> tuple[str, ProbeResult]:
    """One connection on the internet segment; returns the address and the result."""
    number = target.text(ADDRESSES[address])
    return number, tcp_probe.try_port(outsider, number, port_of(service, target, request))


@then("no one answers the outsider")
def no_one_answers(heard: tuple[str, ProbeResult]) -> None:
    """Silence: a refusal would reveal that the host exists."""
    assert heard[1].outcome == "silent", f"the outsider heard '{heard[1].outcome}':\n{heard[1].said}"


@then(parsers.re(r"the outsider can ping the (host|VPN address)"))
def outsider_can_ping(outsider: Host, heard: tuple[str, ProbeResult]) -> None:
    """Otherwise the silence would be that of a broken wire."""
    assert tcp_probe.answers_ping(outsider, heard[0]), f"the outsider cannot even ping {heard[0]}"


DESTINATIONS = {"the hub's VPN address": "hub_vpn_address", "the internet probe": "internet_probe"}


@then(parsers.re(f"(?P<name>{'|'.join(DESTINATIONS)}) answers a ping of the host"))
def answers_the_host(mail: Host, target: Target, name: str) -> None:
    """ICMP echo; one of two packets is enough."""
    address = target.text(DESTINATIONS[name])
    assert tcp_probe.answers_ping(mail, address), f"{address} does not answer mail"
