"""`proof watch`: prove a host on schedule, and be told what changed. `proof declare`: an addition that is meant."""

import argparse
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import yaml

from lab import atomic
from lab.errors import LabError, UsageError
from lab.paths import INVENTORY
from proof.evidence import provenance
from proof.hosts import target as targets
from proof.hosts.target import LAB
from proof.watch import memory as memories
from proof.watch import notify, units
from proof.watch.memory import Message
from proof.watch.watch import EVERY, Settings, Watch, utc
from proof.whole_host.declarations import MONTHS_OFFERED, VARIABLE

DECLARED = INVENTORY / "group_vars" / "production" / f"{VARIABLE}.yml"
HEAD = "---\n# Written by `proof declare`: what is on the hosts on purpose, besides what the provisioning makes.\n"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one of the commands; returns the exit status. Raises LabError."""
    parser = argparse.ArgumentParser(prog="proof watch", description="Prove a host on schedule; only changes are told.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    actions: dict[str, Callable[[Watch, argparse.Namespace], int]] = {}

    def command(name: str, action: Callable[[Watch, argparse.Namespace], int], text: str) -> argparse.ArgumentParser:
        sub = commands.add_parser(name, help=text, description=text)
        sub.add_argument("--host", required=True, metavar="TARGET", help="the host, as for pytest")
        actions[name] = action
        return sub

    sub = command("install", _install, "Install timers of your own systemd that look at the host, and start them.")
    sub.add_argument("--calm", choices=EVERY, default="hourly", help="how often all that disturbs no one (hourly)")
    sub.add_argument("--scan", choices=EVERY, default="daily", help="how often the outsider's scan, at most (daily)")
    sub.add_argument(
        "--metrics", metavar="FILE", default="", help="a .prom file for node_exporter's textfile collector"
    )
    command("uninstall", _uninstall, "Stop the timers and remove them; what is remembered stays.")
    command("status", _status, "Show what is remembered of the host, and when it is looked at next.")
    sub = command("run", _run, "Look at the host now, and tell what changed.")
    sub.add_argument("--scan", action="store_true", help="with the outsider's scan, even if it is not due")
    command("check", _check, "Tell if no look was made for too long; the second timer does this.")
    command("test", _test, "Send a message to every address, to see that it arrives.")
    sub = command("pause", _pause, "Do not look and tell nothing for some hours, for planned work.")
    sub.add_argument("--hours", type=float, required=True, metavar="N", help="until so many hours from now")
    sub.add_argument("--reason", required=True, help="why, for whoever asks for the status")
    command("resume", _resume, "Look again, before the pause is over.")
    options = parser.parse_args(arguments)
    if options.host not in targets.known() or options.host == LAB:
        raise UsageError(
            f"There is no host {options.host} to watch.",
            f"known: {', '.join(name for name in targets.known() if name != LAB)}",
        )
    return actions[options.command](Watch.of(options.host), options)


def _install(watch: Watch, options: argparse.Namespace) -> int:
    metrics = str(Path(options.metrics).expanduser().resolve()) if options.metrics else ""
    addresses = notify.urls()
    made = units.install(watch.host, EVERY[options.calm][0])
    watch.keep_settings(Settings(options.calm, options.scan, metrics))
    for path in made:
        print(path)
    if not addresses:
        print(f"No one is told anything yet: write addresses into {notify.FILE} (docs/watching.md), mode 600.")
    return 0


def _uninstall(watch: Watch, _: argparse.Namespace) -> int:
    gone = units.uninstall(watch.host)
    print("\n".join(f"removed {path}" for path in gone) or f"{watch.host} was not watched.")
    return 0


def _status(watch: Watch, _: argparse.Namespace) -> int:
    memory, now = memories.read(watch.memory_file), utc()

    def told(moment: datetime | None) -> str:
        return f"{moment:%Y-%m-%d %H:%M} UTC" if moment else "never"

    red = [(name, one) for name, one in memory.criteria.items() if one.red]
    print(f"{watch.host}: {len(memory.criteria)} criteria, {len(red)} red")
    for name, one in red:
        print(f"  red since {told(one.since)}: {name}")
    print(f"Seen last: {told(memory.looked)}. Scanned last: {told(memory.scanned)}.")
    if memory.unseen:
        print(f"Not seen since {told(memory.unseen)}.")
    if memory.pause and memory.paused(now):
        print(f"Paused until {told(memory.pause.until)}: {memory.pause.reason}")
    print(f"Addresses to tell: {len(notify.urls())}. Messages that could not be sent yet: {len(memory.unsent)}.")
    print(units.next_looks(watch.host) or "No timer is installed.")
    return 1 if red or memory.unseen else 0


def _run(watch: Watch, options: argparse.Namespace) -> int:
    return watch.run(scan=options.scan)


def _check(watch: Watch, _: argparse.Namespace) -> int:
    return watch.check()


def _test(watch: Watch, _: argparse.Namespace) -> int:
    if not notify.urls():
        raise LabError(f"There is no address in {notify.FILE}.", "docs/watching.md says what to write there")
    body = "This is how you will be told when something changes."
    if notify.send([Message("note", f"{watch.host}: a test of the watch", body)]):
        raise LabError("The message did not reach every address.", "look at each line of the file")
    print("Sent.")
    return 0


def _pause(watch: Watch, options: argparse.Namespace) -> int:
    until = utc() + timedelta(hours=options.hours)
    watch.folder.mkdir(parents=True, exist_ok=True)
    watch.pause(until, options.reason)
    print(f"{watch.host} is not looked at until {until:%Y-%m-%d %H:%M} UTC.")
    return 0


def _resume(watch: Watch, _: argparse.Namespace) -> int:
    watch.resume()
    return 0


def declare(arguments: Sequence[str] | None = None) -> int:
    """Declare an addition in the operator's part of the inventory. Raises LabError."""
    parser = argparse.ArgumentParser(
        prog="proof declare",
        description="Declare that a difference of the production hosts from the reference is meant. The message of the "
        "red criterion has section and name.",
    )
    parser.add_argument("section", help="such as files, packages or listeners")
    parser.add_argument("name", help="name or pattern: * ? [...]")
    parser.add_argument("--reason", required=True, help="why it is there")
    parser.add_argument("--author", default=provenance.user(), help="who says so (you)")
    usual = datetime.now(UTC).date() + timedelta(days=30 * MONTHS_OFFERED)
    parser.add_argument("--until", type=date.fromisoformat, default=usual, metavar="DATE", help=f"last day ({usual})")
    options = parser.parse_args(arguments)
    elsewhere = [path for path in INVENTORY.rglob("*.yml") if path != DECLARED and f"\n{VARIABLE}:" in path.read_text()]
    if elsewhere:
        raise UsageError(f"{VARIABLE} is written in {elsewhere[0]}.", f"add the line there, or move it to {DECLARED}")
    known = yaml.safe_load(DECLARED.read_text(encoding="utf-8")) if DECLARED.exists() else None
    listed = [*(known or {}).get(VARIABLE, []), {**vars(options), "until": options.until.isoformat()}]
    atomic.write(DECLARED, HEAD + yaml.safe_dump({VARIABLE: listed}, sort_keys=False, allow_unicode=True, width=120))
    print(f"{DECLARED}: {options.section}: {options.name}, until {options.until}", file=sys.stdout)
    return 0
