"""The firewall's rules in force, tried in empty network namespaces of the host; runs there as root.

Two namespaces without a name, tied by a pair of interfaces, are gone with the processes that hold them: the host's own
network has no part in it. One gets the rules and the host's address on an interface of the same name; from the other,
a stranger sends the first packet of a connection to every port. No program listens there, so that a packet which the
rules let through is answered by the kernel.
"""

import contextlib
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import TypedDict

HOLD_SECONDS = "300"
START_SECONDS = 10.0
CONTROL = (1, 200)  # ports that are tried without any rule: each must answer
EVERY = (1, 65535)
SAVED = (("iptables-save", "iptables-restore"), ("ip6tables-save", "ip6tables-restore"))
OF_IPTABLES = re.compile(r"table (?:ip|ip6) (?:filter|nat|mangle|raw|security)")

# Sends TCP's first packet to a range of ports, and prints those that answered: JSON.
STRANGER = r"""
import json, select, socket, struct, sys, time
mine, theirs, first, last = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
six = ":" in theirs
family = socket.AF_INET6 if six else socket.AF_INET
control = socket.IPPROTO_ICMPV6 if six else socket.IPPROTO_ICMP
tcp = socket.socket(family, socket.SOCK_RAW, socket.IPPROTO_TCP)
icmp = socket.socket(family, socket.SOCK_RAW, control)
for one in (tcp, icmp):
    one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
    one.setblocking(False)
if six:
    tcp.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_CHECKSUM, 16)
ends = b"".join(socket.inet_pton(family, each) for each in (mine, theirs))
def packet(port):
    head = struct.pack("!HHIIBBHHH", 40000, port, 1, 0, 5 << 4, 2, 1024, 0, 0)
    if six:
        return head
    whole = ends + struct.pack("!BBH", 0, 6, len(head)) + head
    total = sum(struct.unpack(f"!{len(whole) // 2}H", whole))
    total = (total & 0xFFFF) + (total >> 16)
    total = (total & 0xFFFF) + (total >> 16)
    return head[:16] + struct.pack("!H", ~total & 0xFFFF) + head[18:]
answered = set()
def listen(seconds):
    until = time.monotonic() + seconds
    while True:
        ready, _, _ = select.select([tcp, icmp], [], [], max(0.0, until - time.monotonic()))
        if not ready:
            return
        for one in ready:
            got = one.recv(2048)
            got = got if six else got[(got[0] & 15) * 4 :]
            if one is tcp and len(got) >= 4:
                answered.add(struct.unpack("!H", got[:2])[0])
            elif one is icmp and got[0] == (1 if six else 3):
                inner = got[8 + 40 :] if six else got[8 + (got[8] & 15) * 4 :]
                answered.add(struct.unpack("!H", inner[2:4])[0])
for port in range(first, last + 1):
    try:
        tcp.sendto(packet(port), (theirs, 0))
    except BlockingIOError:
        listen(0.2)
        tcp.sendto(packet(port), (theirs, 0))
    if port % 500 == 0:
        listen(0.0)
listen(1.0)
print(json.dumps(sorted(each for each in answered if first <= each <= last)))
"""


class FirewallTrial(TypedDict):
    """Ports that answered a stranger: without any rule, of CONTROL, and with the rules in force, of EVERY."""

    without: list[int]
    with_rules: list[int]


def try_rules(interface: str, address: str, stranger: str) -> FirewallTrial:
    """Try the rules that this kernel has in force.

    Args:
        interface: name of the one that leads to the internet.
        address: the host's own there, of the family to try.
        stranger: where the packets come from.

    Raises:
        OSError: a namespace or the rules could not be made, in the words of the program that failed.
    """
    with _namespace() as host, _namespace() as outside:
        _join(host, outside, interface, address, stranger)
        without = _answered(outside, stranger, address, CONTROL)
        for save, restore in SAVED:
            _in(host, restore, stdin=_run(save))
        for table in _run("nft", "list", "tables").splitlines():
            if not OF_IPTABLES.fullmatch(table):
                _in(host, "nft", "-f", "-", stdin=_run("nft", "list", *table.split()))
        return FirewallTrial(without=without, with_rules=_answered(outside, stranger, address, EVERY))


def interface_to_internet() -> str:
    """Name of the interface of the default route. Raises OSError if there is none."""
    found = re.search(r"^default .*\bdev (\S+)", _run("ip", "-4", "route", "show", "default"), re.MULTILINE)
    if found is None:
        raise OSError("the host has no default route")
    return found[1]


@contextlib.contextmanager
def _namespace() -> Iterator[int]:
    """The number of a process in a network namespace of its own."""
    with subprocess.Popen(["unshare", "--net", "sleep", HOLD_SECONDS]) as holder:
        try:
            deadline = time.monotonic() + START_SECONDS
            while os.readlink(f"/proc/{holder.pid}/ns/net") == os.readlink("/proc/self/ns/net"):  # noqa: PTH115
                if holder.poll() is not None or time.monotonic() > deadline:
                    raise OSError("no network namespace could be made")
                time.sleep(0.02)
            yield holder.pid
        finally:
            holder.kill()


def _join(host: int, outside: int, interface: str, address: str, stranger: str) -> None:
    length = "/128" if ":" in address else "/32"
    _in(host, "ip", "link", "add", interface, "type", "veth", "peer", "name", "outside", "netns", str(outside))
    for place, link, own, other in ((host, interface, address, stranger), (outside, "outside", stranger, address)):
        nodad = ["nodad"] if ":" in own else []
        _in(place, "ip", "address", "add", own + length, "dev", link, *nodad)
        _in(place, "ip", "link", "set", "lo", "up")
        _in(place, "ip", "link", "set", link, "up")
        _in(place, "ip", "route", "add", other + length, "dev", link)


def _answered(outside: int, stranger: str, address: str, ports: "tuple[int, int]") -> "list[int]":
    program = [sys.executable or "python3", "-I", "-c", STRANGER]
    found: list[int] = json.loads(_in(outside, *program, stranger, address, *map(str, ports)))
    return found


def _in(namespace: int, *argv: str, stdin: str = "") -> str:
    return _run("nsenter", "--target", str(namespace), "--net", *argv, stdin=stdin)


def _run(*argv: str, stdin: str = "") -> str:
    done = subprocess.run(argv, input=stdin.encode(), capture_output=True, check=False)
    if done.returncode != 0:
        raise OSError(
            f"{' '.join(argv[:8])} ended with {done.returncode}: {done.stderr.decode(errors='replace').strip()}"
        )
    return done.stdout.decode(errors="replace")
