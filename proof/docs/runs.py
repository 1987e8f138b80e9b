"""The stored runs: every readable record, and the name of each unreadable one.

A run's folder goes when it is old; its digest in build/history stays, so that a series of passes keeps its beginning.
A digest is also quicker to read than the record with all of its evidence.
"""

import fcntl
import json
import os
import textwrap
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any, cast

import msgspec

from lab import atomic, locks
from proof.evidence import record
from proof.evidence.record import FailureKind, RunState, ScenarioState

DIGEST_SCHEMA = 3
PROGRAM = "ansible-playbook"  # how the evidence of a playbook that was applied begins
UNKNOWN = "unknown"  # stands for playbooks that were applied, and which is unknown
SENTENCE = 240  # characters of a failure's message that a page shows as the reason
NO_RESET = ("--no-reset", "--as-it-is")  # the second is its name in records before version 0.2
Stamp = tuple[int, int]  # size and time of change of a record: another one has been written again


@dataclass(frozen=True)
class Outcome:
    """How a scenario ended in a run; `kind` and `message` tell of its failure, empty if it has none.

    `playbooks` are those that it applied itself, `scripts` those of the host that were read, None if that is unknown.
    The ledger also knows when the unbroken series of passes began, `since`, and the SHA-256 of the `evidence`.
    """

    task: str
    state: ScenarioState
    seconds: float
    reason: str = ""
    kind: FailureKind | str = ""
    message: str = ""
    playbooks: tuple[str, ...] = ()
    scripts: tuple[str, ...] | None = None
    since: str = ""
    evidence: str = ""


@dataclass(frozen=True)
class StoredRun:
    """A run as its record tells it. `contents` is by task the hash of its feature and steps, `cases` their number.

    `folder` is where its evidence lies, None if that is gone or elsewhere. `state` is running only while someone still
    runs it. Of a run that only the ledger tells of, there are no `cases`, and outcomes of some scenarios.
    """

    id: str
    target: str
    state: RunState
    started: str
    seconds: float
    lab_error: str
    command: tuple[str, ...]
    provenance: Mapping[str, Any]
    contents: Mapping[str, str]
    cases: Mapping[str, int]
    outcomes: Mapping[str, Outcome]
    folder: Path | None

    @property
    def counts(self) -> bool:
        """Whether it proves anything: a lab taken as someone left it is not what the provisioning makes."""
        return not any(option in self.command for option in NO_RESET)


@dataclass(frozen=True)
class Runs:
    """Runs, oldest first; `damaged` are records that no one can read, each with the reason."""

    found: tuple[StoredRun, ...]
    damaged: tuple[str, ...]

    def against(self, target: str) -> list[StoredRun]:
        """Those that can prove something of a target, oldest first."""
        return [run for run in self.found if run.target == target and run.counts]


def read(builds: Sequence[Path]) -> Runs:
    """All runs of some build folders: those in `runs`, and the digests in `history` of those that are gone.

    Writes the digests that are missing into the first folder's history.
    """
    known: dict[str, StoredRun] = {}
    damaged: dict[str, str] = {}
    for build in builds:
        for folder in sorted((build / "runs").glob("[0-9]*Z-*")):
            if folder.is_dir() and folder.name not in known:
                with _naming(damaged, folder.name):
                    known[folder.name] = _run(folder, builds[0] / "history" / f"{folder.name}.json")
    for build in builds:
        for path in sorted((build / "history").glob("*.json")):
            if path.stem not in known and path.stem not in damaged:
                with _naming(damaged, path.stem):
                    known[path.stem] = _digest(path)[0]
    said = tuple(f"{name}: {why}" for name, why in sorted(damaged.items()) if name not in known)
    return Runs(tuple(sorted(known.values(), key=lambda run: (run.started, run.id))), said)


@contextmanager
def _naming(damaged: dict[str, str], name: str) -> Iterator[None]:
    """Remember why a record cannot be read, and go on."""
    try:
        yield
    except FileNotFoundError:
        damaged[name] = "it has no record"
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        damaged[name] = f"{type(error).__name__}: {error}".splitlines()[0]


def _run(folder: Path, digest: Path) -> StoredRun:
    path = folder / "run.json"
    about = path.stat()
    stamp = (about.st_size, about.st_mtime_ns)
    try:
        found, of = _digest(digest)
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        of = None
    if of != stamp:
        found = _found(json.loads(path.read_bytes()), folder)
        _keep(digest, found, stamp)
    if found.state == "running" and not _held(folder):
        found = replace(found, state="interrupted")
    return replace(found, folder=folder)


def _held(folder: Path) -> bool:
    """Whether the run that writes there still lives: it holds its folder's lock."""
    try:
        with locks.hold(folder, fcntl.LOCK_SH | fcntl.LOCK_NB):
            return False
    except BlockingIOError:
        return True


def _found(data: Mapping[str, Any], folder: Path) -> StoredRun:
    if data["schema"] != record.SCHEMA:
        raise ValueError(f"its schema is {data['schema']}, known is {record.SCHEMA}")
    twice = [name for name, times in Counter(part["id"] for part in data["scenarios"]).items() if times > 1]
    if twice:
        raise ValueError(f"it holds {twice[0]} more than once")
    return StoredRun(
        id=folder.name,
        target=str(data["target"]),
        state=data["state"],
        started=str(data["started"]),
        seconds=float(data["seconds"]),
        lab_error=str(data["lab_error"]),
        command=tuple(map(str, data["command"])),
        provenance=dict(data["provenance"]),
        contents={task["id"]: str(task.get("content", "")) for task in data["inventory"]},
        cases={task["id"]: sum(int(rule["cases"]) for rule in task["criteria"]) for task in data["inventory"]},
        outcomes={str(part["id"]): _outcome(part) for part in data["scenarios"]},
        folder=folder,
    )


def _outcome(part: Mapping[str, Any]) -> Outcome:
    failure = part["failure"] or {"kind": "", "message": ""}
    message = str(failure["message"]).strip().splitlines()
    return Outcome(
        task=str(part["task"]),
        state=part["state"],
        reason=str(part["reason"]),
        seconds=float(part["seconds"]),
        kind=str(failure["kind"]),
        message=textwrap.shorten(message[0], SENTENCE, placeholder=" ...") if message else "",
        playbooks=tuple(sorted(set(_playbooks(part)))),
        scripts=None if part.get("scripts") is None else tuple(part["scripts"]),
    )


def _playbooks(part: Mapping[str, Any]) -> Iterator[str]:
    """Paths in the checkout of the playbooks that a scenario applied."""
    for words in (str(one["text"]).split() for step in part["steps"] for one in step["evidence"]):
        if words[:1] == [PROGRAM]:
            named = [word for option, word in pairwise(words) if option != "-i" and word.endswith(".yml")]
            yield from map(os.path.normpath, named or [UNKNOWN])


def outcome(kept: Mapping[str, Any]) -> Outcome:
    """As it was kept in a digest or in the ledger. Raises TypeError if that is no outcome."""
    told: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in kept.items()}
    if told.pop("provisions", False):  # of before version 0.3, which does not tell which playbooks
        told["playbooks"] = (UNKNOWN,)
    return Outcome(**told)


def _keep(path: Path, found: StoredRun, stamp: Stamp) -> None:
    data = {"schema": DIGEST_SCHEMA, "stamp": stamp, "run": asdict(replace(found, folder=None))}
    try:
        atomic.write(path, msgspec.json.encode(data).decode())
    except OSError:
        return  # the next reader makes it


def _digest(path: Path) -> tuple[StoredRun, Stamp]:
    data = json.loads(path.read_bytes())
    if data["schema"] not in range(1, DIGEST_SCHEMA + 1):
        raise ValueError(f"its schema is {data['schema']}, known is {DIGEST_SCHEMA}")
    run = data["run"]
    earlier = data["schema"] != DIGEST_SCHEMA
    # The first digests do not tell who applied playbooks: it may have been each of them.
    untold = {"provisions": True} if data["schema"] == 1 else {}
    run["outcomes"] = {name: outcome({**part, **untold}) for name, part in run["outcomes"].items()}
    run["command"] = tuple(run["command"])
    found = StoredRun(**run)
    if found.state == "running":
        found = replace(found, state="interrupted")
    return found, cast("Stamp", tuple(data["stamp"])) if not earlier else (0, 0)
