"""1.3.3: the route of each kind of traffic, and the unchanged name resolution."""

import ipaddress
import re
from collections.abc import Mapping

from pytest_bdd import given, parsers, scenarios, then, when
from testinfra.host import Host

from proof.hosts.target import Target
from proof.parsers import routes
from proof.parsers.routes import Route
from steps.shared.network import DESTINATIONS

scenarios("../features/task_1.3.3.feature")

FLAG = {"IPv4": "-4", "IPv6": "-6"}
EVERYTHING = ("default", "0.0.0.0/1", "128.0.0.0/1", "::/1", "8000::/1")
RESOLVER_FILES = ("/etc/resolv.conf", "/etc/nsswitch.conf", "/etc/hosts")


@when(parsers.re(f"the kernel is asked for its route to (?P<name>{'|'.join(DESTINATIONS)})"), target_fixture="route")
def route_to(mail: Host, target: Target, name: str) -> Route:
    """The decision for one packet, not a table: rules and tables of all kinds take part in it."""
    address = target.text(DESTINATIONS[name])
    return routes.parse(mail.check_output("ip -json route get %s", address))[0]


@then("the route leads through the tunnel, from the host's VPN address")
def through_tunnel(route: Route, target: Target) -> None:
    """So that the hub knows whom to answer."""
    expected = (target.text("vpn_interface"), target.text("vpn_address"))
    assert (route.interface, route.source) == expected, f"mail's route to the hub's VPN address is {route}"


@then("the route leads past the tunnel, by way of the default route")
def past_tunnel(mail: Host, route: Route, target: Target) -> None:
    """By the same router as everything that no other route claims."""
    defaults = routes.parse(mail.check_output("ip -json -4 route show default"))
    assert route.interface != target.text("vpn_interface"), f"mail's route to the internet is the tunnel: {route}"
    assert (route.interface, route.gateway) in {(d.interface, d.gateway) for d in defaults}, (
        f"mail's route to {route.destination} is {route}, its default routes are {defaults}"
    )


@when(parsers.parse('the default routes of "{family}" are looked up'), target_fixture="defaults")
def look_up_defaults(mail: Host, family: str) -> tuple[Route, ...]:
    """In every table, including the two halves that together are a default route."""
    found = routes.parse(mail.check_output("ip -json %s route show table all", FLAG[family]))
    return tuple(route for route in found if route.destination in EVERYTHING)


@then("there is one, and none of them leads into the tunnel")
def none_into_tunnel(defaults: tuple[Route, ...], target: Target) -> None:
    """Routes of lo are the kernel's own refusals."""
    inside = [route for route in defaults if route.interface == target.text("vpn_interface")]
    outside = [route for route in defaults if route.interface not in ("", "lo", target.text("vpn_interface"))]
    assert not inside, f"default routes of mail lead into the tunnel: {inside}"
    assert outside, f"mail has no default route that leads out: {defaults}"


def resolvers(resolv_conf: str) -> list[str]:
    """Addresses of name servers in a resolv.conf, without their zone."""
    return [found.partition("%")[0] for found in re.findall(r"^nameserver\s+(\S+)", resolv_conf, re.MULTILINE)]


def contents(mail: Host) -> dict[str, bytes]:
    """The files that decide how names are resolved, as they are now; missing ones are left out."""
    files = (mail.file(path) for path in RESOLVER_FILES)
    return {file.path: file.content for file in files if file.exists}


@when("the settings of name resolution are read", target_fixture="settings")
def read_resolution(mail: Host) -> Mapping[str, bytes]:
    """Whatever the provider's image or its network gave the host."""
    return contents(mail)


@then("no resolver is an address of the VPN")
def no_vpn_resolver(settings: Mapping[str, bytes], target: Target) -> None:
    """The VPN has no name server: one would be a dead end."""
    network = ipaddress.ip_network(target.text("vpn_network"))
    named = resolvers(settings.get("/etc/resolv.conf", b"").decode())
    inside = [address for address in named if ipaddress.ip_address(address) in network]
    assert not inside, f"/etc/resolv.conf on mail asks name servers in the VPN: {inside}"


@then("the tunnel brings no resolver with it")
def no_resolver_in_tunnel(mail: Host, target: Target) -> None:
    """wg-quick would put it into resolv.conf at the next start."""
    path = f"/etc/wireguard/{target.text('vpn_interface')}.conf"
    lines = mail.run_expect([0, 1], "grep -ciE %s %s", r"^\s*DNS\s*=", path).stdout.strip()
    assert lines == "0", f"{path} on mail names a resolver"


@given("the settings of name resolution are remembered", target_fixture="remembered")
def remember(mail: Host) -> Mapping[str, bytes]:
    return contents(mail)


@then("the settings of name resolution are the same, byte for byte")
def same_bytes(mail: Host, remembered: Mapping[str, bytes]) -> None:
    """Also no file more and no file less."""
    now = contents(mail)
    changed = sorted(path for path in {*now, *remembered} if now.get(path) != remembered.get(path))
    assert not changed, f"the tunnel or its provisioning changed on mail: {changed}"
