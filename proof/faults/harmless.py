"""`lab harmless`: changes of daily life, one at a time in a freshly reset lab; nothing may turn red by them."""

import argparse
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import yaml

from lab.errors import UsageError
from lab.paths import FEATURES, ROOT
from proof.evidence.run_folder import slug
from proof.faults import sabotage
from proof.gherkin.feature_files import CALM, WHOLE_HOST
from proof.hosts import lab_lock, recorded_lab
from proof.hosts.recorded_lab import LabControl
from proof.report.terminal import duration
from proof.whole_host import declarations, reference

FILE = FEATURES / "harmless.yml"
FIELDS = {"name", "tasks", "run", "declared"}


@dataclass(frozen=True)
class Harmless:
    """A change: `run` is a script for root on mail, `declared` what the operator would declare of it."""

    name: str
    tasks: tuple[str, ...]
    run: str
    declared: tuple[Mapping[str, str], ...]


def read(path: Path = FILE) -> list[Harmless]:
    """The changes in a file. Raises UsageError that names what is wrong in it."""
    try:
        return [_entry(entry) for entry in yaml.safe_load(path.read_text(encoding="utf-8"))]
    except (OSError, yaml.YAMLError, KeyError, TypeError, ValueError) as error:
        raise UsageError(f"{path} holds no list of harmless changes: {type(error).__name__}: {error}") from error


def _entry(entry: Mapping[str, Any]) -> Harmless:
    if unknown := set(entry) - FIELDS:
        raise ValueError(f"{entry['name']!r} has the unknown field {', '.join(sorted(unknown))}")
    declared = tuple(entry.get("declared", ()))
    return Harmless(str(entry["name"]), tuple(map(str, entry["tasks"])), str(entry["run"]), declared)


def declare(copy: Path, change: Harmless) -> None:
    """Add what the change would have declared to the lab's inventory in a copy of the operator's files."""
    until = str((datetime.now(UTC) + timedelta(days=30)).date())
    path = copy / "provision" / "inventory" / "lab.yml"
    inventory = yaml.safe_load(path.read_text(encoding="utf-8"))
    entries = [{**each, "reason": change.name, "author": "lab harmless", "until": until} for each in change.declared]
    inventory["all"]["hosts"]["mail"][declarations.VARIABLE] = entries
    path.write_text(json.dumps(inventory), encoding="utf-8")


def attempt(lab: LabControl, root: Path, change: Harmless) -> list[str]:
    """Make the change, and prove the calm scenarios of its tasks and of the whole host; returns what turned red."""
    lab.reset()
    lab_lock.touch(root)
    folder = root / "build" / "harmless" / slug(change.name)
    copy = folder / "copy"
    sabotage.lay_out(root, copy)
    declare(copy, change)
    done = lab.exec("mail", ["bash", "-euc", change.run], timeout=sabotage.SCRIPT_SECONDS)
    if done.exit_status != 0:
        return [f"the change itself ended with status {done.exit_status}: {done.stderr.decode(errors='replace')}"]
    marks = " or ".join([*(f"task-{task}" for task in change.tasks), WHOLE_HOST])
    run, proved = sabotage.run_pytest(root, folder / "run", ["-m", f"({marks}) and {CALM}"], copy)
    if run is None:
        return [f"pytest ended with status {proved.exit_status}: {(proved.stderr + proved.stdout)[-500:]}"]
    verdict = sabotage.judge(run, "", proved.exit_status)
    if verdict.outcome == "survived":
        return []
    red = [f"{each.task} {each.name}: {each.failure.message}" for each in run.scenarios if each.failure is not None]
    return red or [verdict.detail]


def main(arguments: Sequence[str] | None = None) -> int:
    """Make the changes; returns 1 if something turned red. Raises LabError."""
    parser = argparse.ArgumentParser(
        prog="lab harmless",
        description="Make one change of daily life at a time on a freshly reset lab; every criterion must stay green.",
        epilog="Exit status: 0 all stayed green, 1 something turned red, 12 the lab broke.",
    )
    parser.add_argument("--name", action="append", default=[], metavar="TEXT", help="only changes with this text")
    options = parser.parse_args(arguments)
    texts = [text.lower() for text in options.name] or [""]
    wanted = [change for change in read() if any(text in change.name.lower() for text in texts)]
    if not wanted:
        raise UsageError("No harmless change has that name.")
    lab = recorded_lab.open_lab()
    bad = 0
    with lab_lock.alone(ROOT):
        lab.up()
        reference.require(lab)
        try:
            for number, change in enumerate(wanted, start=1):
                started = time.monotonic()
                red = attempt(lab, ROOT, change)
                bad += bool(red)
                word = "RED  " if red else "GREEN"
                took = duration(time.monotonic() - started)
                print(f"[{number}/{len(wanted)}] {word} {change.name}  ({took})", flush=True)
                for each in red:
                    print(f"    {each}", flush=True)
        finally:
            lab.reset()
            lab_lock.was_reset(ROOT)
    print(f"{len(wanted) - bad} of {len(wanted)} harmless changes stayed green.", flush=True)
    return 1 if bad else 0
