"""Listeners, the packet filter, addresses, routes, the tunnel, kernel settings and mounts."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

from proof.probes.snapshot.common import Content, Section, counted, words

PROCESS = re.compile(r'\("([^"]+)",')
PROC_SYS = Path("/proc/sys")
OUTDATED = ("base_reachable_time", "retrans_time")  # names of before; whoever reads them is named in the kernel's log
ROOT_DEVICE = re.compile(r"\b(root|resume|BOOT_IMAGE)=\S+")
VETH = re.compile(r"\d+: veth")  # a container's end of a network, under another name each time
LOOPBACK = ("127.", "[::1]")
NUMBER = re.compile(r"\b[0-9a-f]{12,64}\b")  # of a container, a network, a layer
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
    return re.sub(r"\s*(expires \d+sec|valid_lft \S+|preferred_lft \S+|\\)", "", line).strip()


def addresses(content: Content) -> Section:
    """Addresses, routes of every table, rules, and the tunnel's peers."""
    found = [f"address {' '.join(_cleaned(line).split()[1:])}" for line in _ip("-oneline", "address")]
    found += [f"link {' '.join(line.split()[1:5])}" for line in _ip("-oneline", "link") if not VETH.match(line)]
    for family in ("-4", "-6"):
        found += [f"route {family} {_cleaned(line)}" for line in _ip(family, "route", "show", "table", "all")]
        found += [f"rule {family} {line}" for line in _ip(family, "rule", "show")]
    try:
        dumped = words("wg", "show", "all", "dump").splitlines()
    except OSError:
        dumped = []  # before the tunnel is installed
    for line in dumped:
        fields = line.split("\t")
        if len(fields) == 9:  # interface, key, preshared key, endpoint, allowed IPs, handshake, bytes, bytes, keepalive
            found.append(f"peer {fields[1]} on {fields[0]} for {fields[4]}, keepalive {fields[8]}")
    return counted([content.named(line) for line in found])


def _ip(*arguments: str) -> "list[str]":
    return words("ip", *arguments).splitlines()


def kernel(content: Content) -> Section:
    """Settings of the kernel, its command line, and whether it was tainted."""
    found = {"command line": content.named(ROOT_DEVICE.sub(r"\1=(device)", Path("/proc/cmdline").read_text().strip()))}
    for path in PROC_SYS.rglob("*"):
        try:
            if path.name not in OUTDATED and path.is_file() and path.stat().st_mode & 0o400:
                name = content.named(str(path.relative_to(PROC_SYS))).replace("/", ".")
                found[name] = " ".join(path.read_text().split())
        except (OSError, UnicodeDecodeError):
            continue  # it has no value at this moment
    return found


def mounts(content: Content) -> Section:
    """File systems as the first process sees them, swap, and loop devices."""
    found: Section = {}
    for line in Path("/proc/1/mountinfo").read_text().splitlines():
        before, after = line.split(" - ", 1)
        root, point, options = before.split()[3:6]
        kind, _, more = after.split()[:3]
        steady = ",".join(sorted({*options.split(","), *_steady(more)}))
        found[content.named(NUMBER.sub("ID", point))] = f"{kind} {steady}" + (f" from {root}" if root != "/" else "")
    for line in Path("/proc/swaps").read_text().splitlines()[1:]:
        found[f"swap {line.split()[0]}"] = line.split()[1]
    for path in Path("/sys/block").glob("loop*/loop/backing_file"):
        found[f"loop of {path.read_text().strip()}"] = "attached"
    return found


def _steady(options: str) -> "Iterator[str]":
    """Options of a file system without those that follow the machine's size."""
    for option in options.split(","):
        if not option.startswith(("size=", "nr_inodes=", "lowerdir=", "upperdir=", "workdir=", "fd=", "pipe_ino=")):
            yield option
