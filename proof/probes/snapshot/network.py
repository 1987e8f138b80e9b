"""Listeners, the packet filter, addresses, routes and the tunnel."""

import re
import shutil
from pathlib import Path

from proof.probes.snapshot.common import NUMBER, Content, Section, counted, words

PROCESS = re.compile(r'\("([^"]+)",')
VETH = re.compile(r"\d+: veth")  # a container's end of a network, under another name each time
QUEUES = ("noqueue", "fq_codel", "fq", "mq", "pfifo_fast")  # that the kernel chooses by itself
BY_ITSELF = "0:"  # number of a queue that no one made
LOOPBACK = ("127.", "[::1]")
EPHEMERAL = re.compile(r":(3276[89]|327[7-9]\d|32[89]\d\d|3[3-9]\d{3}|[45]\d{4}|60\d{3})$")


def listeners(content: Content) -> Section:
    """Who listens: TCP, UDP and raw sockets with the programs' names, and unix sockets by their names."""
    found: list[str] = []
    for kind in ("tcp", "udp", "raw"):
        for line in words("ss", "--no-header", "--listening", "--numeric", "--processes", f"--{kind}").splitlines():
            local = line.split()[3]
            programs = sorted(set(PROCESS.findall(line)))
            # A socket of the kernel's, such as WireGuard's, has the port that was free, and so have some of loopback's.
            free = not programs or local.startswith(LOOPBACK)
            here = EPHEMERAL.sub(":any", local) if free else local
            found.append(content.named(f"{kind} {here} {' '.join(programs) or 'kernel'}"))
    names = words("ss", "--no-header", "--listening", "--numeric", "--unix").splitlines()
    return counted([*found, *(f"unix {NUMBER.sub('ID', line.split()[4])}" for line in names)])


def packet_filter(content: Content) -> Section:
    """Every rule with its table and chain, of every family; and the tables of the older interface."""
    found: list[str] = []
    inside: list[str] = []
    shown = words("nft", "--stateless", "list", "ruleset") if shutil.which("nft") else ""
    for raw in shown.splitlines():
        line = raw.strip()
        if line.endswith("{"):
            inside.append(line.removesuffix("{").strip())
            found.append(" ".join(inside))
        elif line == "}":
            inside.pop()
        elif line:
            found.append(content.named(f"{' '.join(inside)}: {line}"))
    for name in ("ip_tables_names", "ip6_tables_names", "arp_tables_names"):
        path = Path("/proc/net") / name
        found += [f"older table {line} in {name}" for line in (path.read_text().split() if path.exists() else [])]
    return counted(found)


def _cleaned(line: str) -> str:
    return re.sub(r"\s*(expires \d+sec|nhid \d+|valid_lft \S+|preferred_lft \S+|\\)", "", line).strip()


def addresses(content: Content) -> Section:
    """Addresses, routes of every table, rules, and the tunnel's peers."""
    found = [f"address {' '.join(_cleaned(line).split()[1:])}" for line in _ip("-oneline", "address")]
    for line in _ip("-oneline", "link"):
        if not VETH.match(line):
            name, *facts = line.split()[1:]
            found.append(f"link {' '.join([name, *facts[:3], *filter(None, map(_filtering, facts[3:]))])}")
    if shutil.which("tc"):
        shown = [line.split() for line in words("tc", "qdisc", "show").splitlines()]
        found += [f"queue {' '.join(one)}" for one in shown if one[1] not in QUEUES or one[2] != BY_ITSELF]
    for kind in ("policy", "state"):
        found += [f"IPsec {kind} {line.strip()}" for line in _ip("xfrm", kind, "list") if line.startswith("src ")]
    found += [f"neighbour {line}" for line in _ip("neighbour", "show", "nud", "permanent")]
    for family in ("-4", "-6"):
        found += [f"route {family} {_cleaned(line)}" for line in _ip(family, "route", "show", "table", "all")]
        found += [f"rule {family} {line}" for line in _ip(family, "rule", "show")]
    try:
        dumped = words("wg", "show", "all", "dump").splitlines()
    except OSError:
        dumped = []  # before the tunnel is installed
    for line in dumped:
        fields = line.split("\t")
        if len(fields) == 5:  # interface, private key, public key, port, mark
            found.append(f"tunnel {fields[0]}, mark {fields[4]}")
        if len(fields) == 9:  # interface, key, preshared key, endpoint, allowed IPs, handshake, bytes, bytes, keepalive
            found.append(f"peer {fields[1]} on {fields[0]} for {fields[4]}, keepalive {fields[8]}")
    return counted([content.named(line) for line in found])


def _filtering(fact: str) -> str:
    """Of a link's facts, a program that sees every packet first."""
    return "XDP program" if fact.startswith(("xdp", "prog/xdp")) else ""


def _ip(*arguments: str) -> "list[str]":
    return words("ip", *arguments).splitlines()
