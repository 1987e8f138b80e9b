"""What is on disk beside what is in force: settings that were not read, keys and names that are not those in use."""

import json
import os
import re
import socket
import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from proof.probes import fail2ban
from proof.probes.snapshot.common import Content, Section, unread, words
from proof.probes.snapshot.containers import asked

SAME, OTHER = "the one in use", "another than the one in use"
TUNNELS, SSH, MACHINE = Path("/etc/wireguard"), Path("/etc/ssh"), Path("/etc/machine-id")
CONTAINERS = Path("/var/lib/docker/containers")
KEY = re.compile(r"^\s*PrivateKey\s*=\s*(\S+)", re.MULTILINE)
LISTENER = re.compile(r"^\S+\s+\S+\s+\S+\s+(\S+):(\d+)\s.*\"sshd\"", re.MULTILINE)
SCAN_SECONDS = "10"
JAIL = "sshd"
OF_JAIL = (
    "failregex", "ignoreregex", "ignorecommand", "ignoreip", "ignoreself", "journalmatch", "maxretry", "findtime",
    "bantime", "usedns", "prefregex", "maxlines", "datepattern",
)  # fmt: skip
RECORD, BAN_SECONDS = Path("/var/lib/fail2ban/fail2ban.sqlite3"), 2.0
ADDRESS = re.compile(r"'([^']+)'")
OF_ACTION = ("actionstart", "actionstop", "actioncheck", "actionban", "actionunban", "actionflush", "timeout")
MODULES = ("wireguard", "nf_tables", "nft_ct", "xt_conntrack", "veth", "bridge", "overlay", "udp_diag", "tcp_diag")


def agree(same: bool) -> str:
    """Whether both are the same, in words."""
    return SAME if same else OTHER


def tunnels() -> "Iterator[tuple[str, str]]":
    """Each tunnel's key on disk."""
    for path in sorted(TUNNELS.glob("*.conf")):
        found = KEY.search(path.read_text())
        public = words("wg", "pubkey", stdin=f"{found[1]}\n").strip() if found else ""
        try:
            used = words("wg", "show", path.stem, "public-key").strip()
        except OSError:
            used = "none, as there is no such tunnel"
        yield f"key of the tunnel {path.stem}", agree(public == used)


def host_keys() -> "Iterator[tuple[str, str]]":
    """Each key of the SSH server on disk, by what the server offers; and whether it has read its settings."""
    listening = LISTENER.search(words("ss", "--no-header", "--listening", "--numeric", "--tcp", "--processes"))
    if listening is None:
        return
    address, port = listening[1].strip("[]"), listening[2]
    address = "127.0.0.1" if address in ("*", "0.0.0.0", "::") else address  # noqa: S104 - compared, not bound
    offered = words("ssh-keyscan", "-T", SCAN_SECONDS, "-t", "ed25519", "-p", port, address).split()
    on_disk = words("ssh-keygen", "-y", "-f", str(SSH / "ssh_host_ed25519_key")).split()
    yield "key of the SSH server", agree(on_disk[1] in offered)
    told = words(
        "journalctl",
        "--unit=ssh.service",
        "--boot",
        "--identifier=sshd",
        "--output=short-unix",
        "--no-pager",
        "--quiet",
    )
    times = [line.split()[0] for line in told.splitlines() if "Server listening on" in line]
    if times:  # else the journal no longer tells
        yield from unread([SSH / "sshd_config", SSH / "sshd_config.d"], float(times[-1]))


def names() -> "Iterator[tuple[str, str]]":
    """The host's own name and number."""
    on_disk = Path("/etc/hostname").read_text().strip()
    yield "name of the host", agree(on_disk == socket.gethostname())
    lines = Path("/etc/hosts").read_text().splitlines()
    known = {word for line in lines for word in line.partition("#")[0].split()[1:]}
    yield "name of the host in /etc/hosts", "there" if on_disk in known else "missing"
    number = MACHINE.read_text().strip()
    right = re.fullmatch("[0-9a-f]{32}", number)
    yield "number of the machine", "a number" if right else "none: the next boot is a first one"


def containers(engine: bool) -> "Iterator[tuple[str, str]]":
    """Containers for whose next start the engine has other settings on disk."""
    for folder in sorted(CONTAINERS.iterdir()) if engine and CONTAINERS.is_dir() else []:
        try:
            told = asked(f"/containers/{folder.name}/json")
            host = json.loads((folder / "hostconfig.json").read_text())
            own = json.loads((folder / "config.v2.json").read_text())["Config"]
        except (OSError, ValueError):
            continue  # no container, or one that is gone
        name = told["Name"].lstrip("/")
        different = [*differing(host, told["HostConfig"]), *differing(own, told["Config"])]
        if different:
            yield f"settings of the container {name} for its next start", f"other {', '.join(different)}"


def differing(on_disk: "Mapping[str, Any]", told: "Mapping[str, Any]") -> "list[str]":
    """Names of settings that differ; what is empty is the same however it is written."""
    return sorted(name for name in on_disk if name in told and (on_disk[name] or None) != (told[name] or None))


def guard() -> "Iterator[tuple[str, str]]":
    """The protection against break-ins as it works now."""
    questions = [["get", JAIL, name] for name in OF_JAIL]
    try:
        answers = fail2ban.ask(questions)
        actions = re.findall(r"[\w.-]+", fail2ban.ask([["get", JAIL, "actions"]])[0])
        for name, answer in zip(OF_JAIL, answers, strict=True):
            # Addresses are a set, in another order at each start.
            yield f"fail2ban {name}", " ".join(sorted(ADDRESS.findall(answer))) if name == "ignoreip" else answer
        for action in actions:
            told = fail2ban.ask([["get", JAIL, "action", action, name] for name in OF_ACTION])
            yield from ((f"fail2ban {action} {name}", answer) for name, answer in zip(OF_ACTION, told, strict=True))
    except (OSError, ImportError) as error:
        yield "fail2ban", f"gives no answer: {error}"


def bans(ask: "Callable[[list[list[str]]], list[str]]" = fail2ban.ask) -> "Iterator[tuple[str, str]]":
    """Whether kernel, fail2ban and its record of bans have the same ones; whom, comes and goes."""
    try:
        wrong = disagreeing(ask)
        if wrong:  # a ban takes a moment to come everywhere
            time.sleep(BAN_SECONDS)
            wrong = disagreeing(ask)
    except (OSError, ImportError, sqlite3.Error) as error:
        wrong = [f"cannot be looked at: {error}"]
    yield "bans", "; ".join(wrong) or "the same in the kernel, in fail2ban and in its record"


def disagreeing(ask: "Callable[[list[list[str]]], list[str]]", record: Path = RECORD) -> "list[str]":
    """Bans of one place that another does not have, and bans that last longer than the settings say."""
    known = set(ADDRESS.findall(ask([["get", JAIL, "banip"]])[0]))
    longest = int(ask([["get", JAIL, "bantime"]])[0])
    in_kernel = kernel_bans()
    wrong = [f"{one} is banned in the kernel alone" for one in sorted(in_kernel - known)]
    wrong += [f"{one} is banned in fail2ban alone" for one in sorted(known - in_kernel)]
    if record.exists():
        with closing(sqlite3.connect(f"file:{record}?mode=ro", uri=True)) as database:
            rows = database.execute("SELECT ip, timeofban, bantime FROM bips WHERE jail = ?", [JAIL]).fetchall()
        now = time.time()
        for address, began, lasts in sorted(rows):
            if lasts < 0 or lasts > longest or began > now + longest:
                wrong.append(f"{address} is banned for longer than the settings say from the next start on")
            elif began + lasts > now and address not in known:
                wrong.append(f"{address} is banned from the next start on")
    return wrong


def kernel_bans() -> "set[str]":
    """Addresses in the sets of the kernel with which fail2ban bans; none while there is no such table."""
    try:
        told = json.loads(words("nft", "--json", "list", "table", "inet", "f2b-table"))
    except OSError:
        return set()
    sets = [each["set"].get("elem", []) for each in told["nftables"] if "set" in each]
    plain = (one["elem"]["val"] if isinstance(one, dict) and "elem" in one else one for each in sets for one in each)
    return {one if isinstance(one, str) else json.dumps(one) for one in plain}


def shared_memory(table: Path = Path("/proc/sysvipc/shm")) -> "Iterator[tuple[str, str]]":
    """Segments that programs share, by owner and size: their numbers are another each time."""
    lines = table.read_text().splitlines()[1:] if table.exists() else []
    for line, number in Counter(f"UID {line.split()[7]}, {line.split()[3]} bytes" for line in lines).items():
        yield f"shared memory of {line}", str(number)


def modules() -> "Iterator[tuple[str, str]]":
    """Whether the kernel would find the modules that the host needs."""
    for name in MODULES:
        try:
            words("modprobe", "--dry-run", "--quiet", name)
            yield f"module {name}", "can be loaded"
        except OSError:
            yield f"module {name}", "cannot be loaded"


def take(content: Content, *, engine: bool) -> Section:
    """What is in force, and whether it is what is on disk.

    Args:
        content: for names and digests.
        engine: whether there is a container engine.
    """
    found = dict([*names(), *modules(), *shared_memory(), *containers(engine)])
    if TUNNELS.is_dir():
        found |= dict(tunnels())
    if (SSH / "ssh_host_ed25519_key").exists():
        found |= dict(host_keys())
    if os.path.exists("/run/fail2ban"):  # noqa: PTH110 - before it is installed
        found |= dict([*guard(), *bans()])
    return {content.named(name): content.shown(content.named(value)) for name, value in found.items()}
