"""1.3.3: which way each kind of traffic takes, and that names are resolved as before."""

import ipaddress
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from pytest_bdd import given, parsers, scenarios, then, when
from testinfra.host import Host

from lab.provisioning import Play
from lab.waiting import wait_until
from proof.clients import tcp_probe
from proof.hosts.recorded_lab import RecordedLab
from proof.hosts.target import Target
from proof.parsers import routes
from proof.parsers.routes import Route

scenarios("../features/task_1.3.3.feature")

FLAG = {"IPv4": "-4", "IPv6": "-6"}
EVERYTHING = ("default", "0.0.0.0/1", "128.0.0.0/1", "::/1", "8000::/1")
RESOLVER_FILES = ("/etc/resolv.conf", "/etc/nsswitch.conf", "/etc/hosts")


def way_to(mail: Host, address: str) -> Route:
    """The kernel's decision for one packet."""
    return routes.parse(mail.check_output("ip -json route get %s", address))[0]


@when("the kernel is asked for its way to the hub's VPN address", target_fixture="way")
def way_to_hub(mail: Host, target: Target) -> Route:
    """A decision, not a table: rules and tables of all kinds have had their say."""
    return way_to(mail, target.text("hub_vpn_address"))


@when("the kernel is asked for its way to the internet probe", target_fixture="way")
def way_to_probe(mail: Host, target: Target) -> Route:
    """Each target names its own probe."""
    return way_to(mail, target.text("internet_probe"))


@then("the way leads through the tunnel, from the host's VPN address")
def through_tunnel(way: Route, target: Target) -> None:
    """So that the hub knows whom to answer."""
    expected = (target.text("vpn_interface"), target.text("vpn_address"))
    assert (way.interface, way.source) == expected, f"mail's way to the hub's VPN address is {way}"


@then("the way leads past the tunnel, by way of the default route")
def past_tunnel(mail: Host, way: Route, target: Target) -> None:
    """By the same router as everything that no other route claims."""
    defaults = routes.parse(mail.check_output("ip -json -4 route show default"))
    assert way.interface != target.text("vpn_interface"), f"mail's way to the internet is the tunnel: {way}"
    assert (way.interface, way.gateway) in {(d.interface, d.gateway) for d in defaults}, (
        f"mail's way to {way.destination} is {way}, its default routes are {defaults}"
    )


@when(parsers.parse('the default routes of "{family}" are looked up'), target_fixture="defaults")
def look_up_defaults(mail: Host, family: str) -> tuple[Route, ...]:
    """In every table, and with the two halves that stand for a default route in disguise."""
    found = routes.parse(mail.check_output("ip -json %s route show table all", FLAG[family]))
    return tuple(route for route in found if route.destination in EVERYTHING)


@then("there is one, and none of them leads into the tunnel")
def none_into_tunnel(defaults: tuple[Route, ...], target: Target) -> None:
    """Routes of lo are the kernel's own refusals."""
    inside = [route for route in defaults if route.interface == target.text("vpn_interface")]
    outside = [route for route in defaults if route.interface not in ("", "lo", target.text("vpn_interface"))]
    assert not inside, f"default routes of mail lead into the tunnel: {inside}"
    assert outside, f"mail has no default route that leads out: {defaults}"


@dataclass(frozen=True)
class Call:
    """An address that was called, and whether it answered."""

    address: str
    answered: bool


@when("the host calls the hub's VPN address", target_fixture="call")
def call_hub(mail: Host, target: Target) -> Call:
    """ICMP echo, as the operator would do it."""
    address = target.text("hub_vpn_address")
    return Call(address, tcp_probe.answers_ping(mail, address))


@when("the host calls the internet probe", target_fixture="call")
def call_probe(mail: Host, target: Target) -> Call:
    """ICMP echo to an address that only the default route leads to."""
    address = target.text("internet_probe")
    return Call(address, tcp_probe.answers_ping(mail, address))


@then("it answers")
def it_answers(call: Call) -> None:
    """One of two packets is enough."""
    assert call.answered, f"{call.address} does not answer mail"


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
    """Byte for byte."""
    return contents(mail)


@when("the tunnel is taken down and up again")
def down_and_up(lab: RecordedLab, target: Target) -> None:
    """From the console, since the way in is the tunnel itself."""
    unit = f"wg-quick@{target.text('vpn_interface')}"
    for verb in ("stop", "start"):
        done = lab.exec("mail", ["systemctl", verb, unit])
        assert done.exit_status == 0, f"systemctl {verb} {unit} on mail failed: {done.stderr.decode()}"
    hub = target.text("hub_vpn_address")
    wait_until(
        lambda: lab.exec("mail", ["ping", "-n", "-c", "1", "-W", "2", hub]).exit_status == 0,
        "the hub to answer over the new tunnel",
        30,
    )


@when("the tasks 1.3.2 and 1.3.3 are applied once more")
def apply_again(play: Callable[..., Play]) -> None:
    """The provisioning that could have an opinion on name servers."""
    result = play("task_1.3.2.yml", "task_1.3.3.yml")
    assert result.exit_status == 0, f"the provisioning failed:\n{result.stdout[-2000:]}"


@then("the settings of name resolution are the same, byte for byte")
def same_bytes(mail: Host, remembered: Mapping[str, bytes]) -> None:
    """Also no file more and no file less."""
    now = contents(mail)
    changed = sorted(path for path in {*now, *remembered} if now.get(path) != remembered.get(path))
    assert not changed, f"the tunnel or its provisioning changed on mail: {changed}"
