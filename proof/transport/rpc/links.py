"""Answers about network interfaces and default routes of this network namespace."""

import ipaddress
import socket
import struct
from pathlib import Path
from typing import Any

from proof.transport.rpc import netlink
from proof.transport.rpc.errors import UnanswerableError

DEVICES = Path("/sys/class/net")
NET = Path("/proc/self/net")
FAMILIES = {"inet": socket.AF_INET, "inet6": socket.AF_INET6}

_GET_ADDRESS = 22
_ADDRESS, _LOCAL = 1, 2
_UP = 0x1


def names() -> list[str]:
    """Names of all interfaces, in the kernel's order."""
    return [name for _, name in socket.if_nameindex()]


def addresses(name: str, family: str) -> list[str]:
    """Addresses of an interface with their prefix length, as `10.100.0.25/24`.

    Args:
        name: the interface.
        family: inet, inet6 or empty for both.
    """
    try:
        index = socket.if_nametoindex(name)
    except OSError as error:
        raise UnanswerableError(f"there is no interface {name}") from error
    request = struct.pack("=4BL", FAMILIES.get(family, socket.AF_UNSPEC), 0, 0, 0, 0)
    found = []
    for body in netlink.dump(netlink.ROUTE, _GET_ADDRESS, request):
        which, prefix, _, _, owner = struct.unpack_from("=4BL", body)
        known = netlink.attributes(body[8:])
        packed = known.get(_LOCAL) or known.get(_ADDRESS)
        if owner == index and packed:
            found.append(f"{socket.inet_ntop(which, packed)}/{prefix}")
    return found


def facts(name: str) -> dict[str, Any]:
    """Whether an interface is up, its MTU, hardware address and kind of link (`operstate`)."""
    folder = DEVICES / name
    if not folder.exists():
        raise UnanswerableError(f"there is no interface {name}")
    return {
        "up": bool(int((folder / "flags").read_text(), 16) & _UP),
        "mtu": int((folder / "mtu").read_text()),
        "address": (folder / "address").read_text().strip(),
        "operstate": (folder / "operstate").read_text().strip(),
    }


def default(family: str) -> str:
    """The interface of the default route with the lowest metric, empty if there is none."""
    routes = _routes6() if family == "inet6" else _routes4()
    return min(routes)[1] if routes else ""


def _routes4() -> list[tuple[int, str]]:
    """(metric, interface) of every default route in the main table that is up."""
    lines = (line.split() for line in (NET / "route").read_text().splitlines()[1:])
    return [
        (int(fields[6]), fields[0])
        for fields in lines
        if int(fields[1], 16) == 0 and int(fields[7], 16) == 0 and int(fields[3], 16) & 0x1
    ]


def _routes6() -> list[tuple[int, str]]:
    table = NET / "ipv6_route"
    lines = (line.split() for line in (table.read_text() if table.exists() else "").splitlines())
    rejected = 0x200
    return [
        (int(fields[5], 16), fields[9])
        for fields in lines
        if ipaddress.IPv6Address(int(fields[0], 16)) == ipaddress.IPv6Address("::")
        and int(fields[1], 16) == 0
        and int(fields[8], 16) & 0x1
        and not int(fields[8], 16) & rejected
    ]
