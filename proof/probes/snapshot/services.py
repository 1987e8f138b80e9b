"""Units with their states, and processes with the units that they belong to."""

import os
import re
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from proof.probes.snapshot.common import SETTLED_SECONDS, Content, Section, words

PROPERTIES = "Id,ActiveState,SubState,Type,RemainAfterExit,NeedDaemonReload,FreezerState,MainPID"
# What the kernel calls a limit of a process, by its name in systemd.
LIMITS = {
    "AS": "address space", "CORE": "core file size", "CPU": "cpu time", "DATA": "data size", "FSIZE": "file size",
    "MEMLOCK": "locked memory", "NOFILE": "open files", "NPROC": "processes", "STACK": "stack size",
}  # fmt: skip
CORE, INFINITY = "CORE", float("inf")
OF_LIMITS = ",".join(f"Limit{name},Limit{name}Soft" for name in LIMITS)
LOGIN = re.compile(r"/user\.slice/user-(\d+)\.slice/(session-\w+\.scope|user@\d+\.service)(?:/(.*))?$")
# Devices, mounts, logins and containers are looked at elsewhere, as is what a unit did that has ended.
COMPARED = (".service", ".socket", ".timer", ".path", ".target", ".automount", ".swap")
UNREAD = " on disk"  # ends the name of a unit whose files changed since systemd read them
LONG_ID = re.compile(r"\b[0-9a-f]{64}\b")
FIRST = "1"  # number of the first process
STOPPED = ("T", "t")  # states of a process that a signal or a debugger holds
SESSIONS = Path("/run/systemd/sessions")
POSTGRES = "postgres: "


def shown_units() -> "list[dict[str, str]]":
    """Every loaded unit with its properties."""
    blocks = words("systemctl", "show", "*", f"--property={PROPERTIES},{OF_LIMITS}").split("\n\n")
    return [dict(line.split("=", 1) for line in block.splitlines() if "=" in line) for block in blocks]


def passing(facts: "dict[str, str]") -> bool:
    """Whether a unit does one thing and ends."""
    return facts.get("Type") == "oneshot" and facts.get("RemainAfterExit") == "no"


def units(shown: "list[dict[str, str]]") -> Section:
    """What runs or failed, and what is switched on; jobs that end by themselves come and go."""
    found: Section = {}
    for facts in shown:
        name, state = LONG_ID.sub("ID", facts.get("Id", "")), facts.get("ActiveState", "inactive")
        if facts.get("NeedDaemonReload") == "yes":
            found[f"{name}{UNREAD}"] = "changed since systemd read it"
        if facts.get("FreezerState", "running") != "running":
            found[f"{name} frozen"] = facts["FreezerState"]
        sub = facts.get("SubState", "")
        if state == "failed":
            found[name] = state
        elif name.endswith(COMPARED) and state != "inactive" and not passing(facts) and sub != "exited":
            found[name] = f"{state} {sub}{limits(facts)}" if name.endswith(".service") else state
    for line in words("systemctl", "list-unit-files", "--no-legend", "--plain").splitlines():
        found[f"file {LONG_ID.sub('ID', line.split()[0])}"] = line.split()[1]
    for line in words("systemctl", "show-environment").splitlines():
        name, _, value = line.partition("=")
        found[f"environment of every unit: {name}"] = value
    return found


def limits(facts: "dict[str, str]", proc: Path = Path("/proc")) -> str:
    """Which limits of a unit's program are lower than systemd has for it, as the end of a phrase; some raise their own.

    One that may leave its memory in a file, which holds secrets, is told as well.
    """
    try:
        lines = (proc / facts.get("MainPID", "0") / "limits").read_text().splitlines()
    except OSError:
        return ""
    has = {words[1]: words[2].split()[:2] for line in lines if (words := re.match(r"Max (.*?)\s{2,}(.*)", line))}
    most = {"NOFILE": number((proc / "sys/fs/nr_open").read_text().strip())}
    other = []
    for name, called in LIMITS.items():
        wanted = [min(number(facts.get(f"Limit{name}{kind}", "")), most.get(name, INFINITY)) for kind in ("Soft", "")]
        found = [number(each) for each in has.get(called, [])]
        lower = any(now < was for now, was in zip(found, wanted, strict=False))
        if lower or (name == CORE and found and found[0] > wanted[0]):
            other.append(f"{called} {' '.join(has[called])}")
    return f", with other limits: {', '.join(other)}" if other else ""


def number(limit: str) -> float:
    """A limit, as systemd or the kernel writes it."""
    return float(limit) if limit.isdecimal() else INFINITY


def unit_of(cgroup: str, going_on: "set[str]") -> str:
    """The unit in the text of /proc/PID/cgroup; empty for a login that goes on, and for its own manager.

    Args:
        cgroup: the text.
        going_on: scopes of logins that have not ended.
    """
    path = cgroup.rpartition("::")[2].strip()
    if login := LOGIN.search(path):
        user, scope, below = login.groups()
        if scope.startswith("session-"):
            return "" if scope in going_on else f"a login of UID {user} that ended"
        return "" if not below or below.startswith("init.scope") else f"UID {user}'s own {below.rpartition('/')[2]}"
    parts = [part for part in path.split("/") if part.endswith((".service", ".scope"))]
    return LONG_ID.sub("ID", parts[-1]) if parts else f"no unit ({path})"


class Program(NamedTuple):
    """A process: its number, its start in seconds after the boot, its command, its user and its control group."""

    pid: int
    started: float
    command: str
    user: int
    cgroup: str
    stopped: bool = False


def program(folder: Path) -> "Program | None":
    """A process by its folder in /proc; None if it has ended."""
    try:
        command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="backslashreplace").strip()
        state = (folder / "stat").read_text().rpartition(")")[2].split()
        started = float(state[19]) / os.sysconf("SC_CLK_TCK")
        if folder.name == FIRST:  # its arguments are others once it was executed again
            command = "the system's manager"
        user, cgroup = (folder / "cmdline").stat().st_uid, (folder / "cgroup").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return Program(int(folder.name), started, command, user, cgroup, state[0] in STOPPED)


def programs(proc: Path = Path("/proc")) -> "list[Program]":
    """Every process of this moment but this one and those of the kernel."""
    found = [program(folder) for folder in proc.glob("[0-9]*") if int(folder.name) != os.getpid()]
    return [one for one in found if one is not None and one.command]


def lasting(seen: "Sequence[Program]", proc: Path = Path("/proc")) -> "list[Program]":
    """Those programs that run for a while, once the young ones have ended or shown that they do."""
    kept = []
    for one in sorted(seen, key=lambda each: each.started):
        while time.clock_gettime(time.CLOCK_BOOTTIME) - one.started <= SETTLED_SECONDS:
            now = program(proc / str(one.pid))
            if now is None or now.started != one.started:
                break
            time.sleep(0.2)
        else:
            kept.append(one)
    return kept


def processes(seen: "Sequence[Program]", shown: "list[dict[str, str]]", content: Content) -> Section:
    """Programs that run for a while, by unit and user; a postgres process by its role alone."""
    ends = {facts.get("Id", "") for facts in shown if passing(facts)}
    known = {f"session-{path.name}.scope" for path in SESSIONS.glob("*")} if SESSIONS.exists() else set()
    going_on = known - {facts.get("Id", "") for facts in shown if facts.get("SubState") == "abandoned"}
    units = {one: unit_of(one.cgroup, going_on) for one in seen}
    found: Counter[str] = Counter()
    for one in lasting([each for each, unit in units.items() if unit and unit not in ends]):
        command = " ".join(one.command.split()[:2]) if one.command.startswith(POSTGRES) else one.command
        found[
            content.named(
                f"{units[one]}: UID {one.user} {LONG_ID.sub('ID', command)}{' (stopped)' if one.stopped else ''}"
            )
        ] += 1
    return {name: str(number) for name, number in found.items()}
