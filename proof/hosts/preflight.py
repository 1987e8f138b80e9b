"""Checks the connection to a production host before the first scenario; one clear message if it does not work.

Nothing is sent while the VPN is down: the host's address would belong to whatever network this machine is in.
"""

import ipaddress
import shlex
import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lab.errors import LabError
from proof import process
from proof.hosts.connections import MAIL, Connections, connection_spec, operator_places, variable_naming
from proof.hosts.target import Target

if TYPE_CHECKING:
    from proof.transport.errors import Unreachable

DISCARD = 9  # a UDP socket that is connected has an address, and has sent nothing
SETTINGS_SECONDS = 20.0
PROXIES = ("proxyjump", "proxycommand")


@dataclass(frozen=True)
class Route:
    """How this machine would reach an address: through a proxy, or from one of its own addresses.

    Args:
        address: host name or address that ssh would dial.
        proxy: what dials in ssh's place, empty if nothing does.
        source: this machine's address on the way, empty if there is no way at all.
    """

    address: str
    proxy: str
    source: str


def inside(address: str, network: str) -> bool:
    """Whether an address is in a network; a host name is not."""
    try:
        return ipaddress.ip_address(address) in ipaddress.ip_network(network)
    except ValueError:
        return False


def source_towards(address: str) -> str:
    """The address of this machine from which packets for an address would leave; empty if none could."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((address, DISCARD))
        except OSError:
            return ""
        return str(probe.getsockname()[0])


def route_to(target: Target) -> Route:
    """How ssh would reach the host under test, by its own settings. Raises LabError."""
    way = connection_spec(target, MAIL)
    argv = ["ssh", *way.options, "-G", "-p", str(way.port), "-l", way.user, way.address]
    try:
        done = process.run(argv, timeout=SETTINGS_SECONDS)
    except FileNotFoundError:
        raise LabError("ssh is not installed.", "apt install openssh-client") from None
    if done.exit_status != 0:
        raise LabError(
            f"ssh cannot use its settings: {done.stderr.strip()}", f"correct its settings; try `{shlex.join(argv)}`"
        )
    settings_in_force = dict(line.split(" ", 1) for line in done.stdout.splitlines() if " " in line)
    proxy = next((settings_in_force[name] for name in PROXIES if settings_in_force.get(name, "none") != "none"), "")
    address = settings_in_force.get("hostname", way.address)
    reached = inside(address, target.text("vpn_network"))
    return Route(address, proxy, source_towards(address) if reached and not proxy else "")


def in_vpn(target: Target) -> bool:
    """Whether this machine itself is a member of the VPN, by the addresses it has."""
    return inside(source_towards(target.text("vpn_address")), target.text("vpn_network"))


def look(target: Target, connections: Connections) -> None:
    """Check that the host and the operator's own machines answer. Raises LabError with what to do."""
    route = route_to(target)
    network = target.text("vpn_network")
    if not route.proxy and inside(route.address, network) and not inside(route.source, network):
        found = (
            f"packets for {route.address} would leave from {route.source}"
            if route.source
            else "it has no route to that address"
        )
        raise LabError(
            f"The VPN to {target.name} is not up: {found}, and this machine has no address in {network}.",
            f"bring the tunnel up (wg-quick up NAME), or name a ProxyJump for {target.text('vpn_address')} "
            "in your ssh_config",
        )
    for name in (MAIL, *operator_places(target)):
        _arrive(target, connections, name)


def _arrive(target: Target, connections: Connections, name: str) -> None:
    from proof.transport.errors import Unreachable  # noqa: PLC0415 - loaded by the first run that connects

    try:
        connections.current(name).greeting()
    except Unreachable as error:
        optional = "" if name == MAIL else f"; or take {variable_naming(name)} out of the inventory of {target.name}"
        raise LabError(_words(error), error.hint + optional) from error


def _words(error: "Unreachable") -> str:
    """One line; the banners and warnings around it explain nothing."""
    return f"{error.way} cannot be reached: {error.reason}"
