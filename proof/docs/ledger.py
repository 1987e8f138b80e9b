"""The ledger in git: the newest result of every scenario on each target, and of every sabotage.

One line of JSON for each result, in docs/ledger: a change is readable in a diff, and branches merge by keeping the
lines of both, of which a reader takes the newer. Evidence itself is not in git; a line has the hash of its file.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from lab import atomic
from proof.docs.runs import Outcome, Runs, StoredRun, outcome
from proof.evidence import statement
from proof.evidence.sabotage_results import Result
from proof.whole_host.reference import MADE_FROM

FOLDER = Path("docs") / "ledger"
RUNS, SABOTAGES, HOSTS = NO_TARGETS = ("runs.jsonl", "sabotages.jsonl", "hosts.jsonl")
STATEMENTS, SIGNERS = "statements", "signers"  # folders: what each run's owner signed, and public keys
# Of a run; nothing of the machine it ran on.
PROVENANCE = ("commit", "dirty", "contents", "playbooks", "versions", "by", "lab")
OF_RUN = ("id", "target", "state", "started", "seconds", "lab_error", "command", "provenance", "contents")


@dataclass(frozen=True)
class Ledger:
    """Of each run the results that were the newest when it was written. `damaged` are lines that no one can read.

    `hosts` are pairs of provisionings that make the same host but for the contents of some scripts, with the paths of
    these, as whoever wrote the ledger compared them.
    """

    runs: tuple[StoredRun, ...]
    sabotages: tuple[Result, ...]
    damaged: tuple[str, ...]
    hosts: Mapping[tuple[str, str], frozenset[str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Entry:
    """The newest result of a scenario: its id, the run, how it ended there."""

    scenario: str
    run: StoredRun
    outcome: Outcome


def read(folder: Path) -> Ledger:
    """Everything in a ledger's folder; nothing if there is none."""
    damaged: list[str] = []
    runs: dict[str, StoredRun] = {}
    outcomes: dict[str, dict[str, Outcome]] = {}
    sabotages: list[Result] = []
    for place, line in _lines(folder / RUNS, damaged):
        with _noting(damaged, place):
            runs[line["id"]] = StoredRun(
                **{name: line[name] for name in OF_RUN} | {"command": tuple(line["command"])},
                cases={},
                outcomes=outcomes.setdefault(line["id"], {}),
                folder=None,
            )
    for path in sorted(folder.glob("*.jsonl")):
        for place, line in _lines(path, damaged) if path.name not in NO_TARGETS else ():
            with _noting(damaged, place):
                run, scenario = line.pop("run"), line.pop("id")
                outcomes[run][scenario] = outcome(line)
    for place, line in _lines(folder / SABOTAGES, damaged):
        with _noting(damaged, place):
            sabotages.append(Result.of(line))
    hosts: dict[tuple[str, str], frozenset[str]] = {}
    for place, line in _lines(folder / HOSTS, damaged):
        with _noting(damaged, place):
            hosts[line["made_by"], line["and_by"]] = frozenset(line.get("scripts", ()))
    return Ledger(tuple(runs.values()), tuple(sabotages), tuple(damaged), hosts)


def with_runs(ledger: Ledger, known: Runs) -> Runs:
    """The runs that are on this machine, and those that only the ledger tells of."""
    there = {run.id for run in known.found}
    found = (*known.found, *(run for run in ledger.runs if run.id not in there and run.outcomes))
    return Runs(
        tuple(sorted(found, key=lambda run: (run.started, run.id))),
        (*known.damaged, *(f"{FOLDER}/{line}" for line in ledger.damaged)),
    )


def made_by(contents: Mapping[str, str]) -> str:
    """What a host is made by, as the ledger has it."""
    return " ".join(contents.get(name, "unknown") for name in MADE_FROM)


def write(
    folder: Path,
    entries: Iterable[Entry],
    sabotages: Iterable[Result],
    hosts: Callable[[Iterable[StoredRun]], Mapping[tuple[str, str], frozenset[str]]] = lambda _: {},
) -> None:
    """Write the ledger again; a file changes only where a result did.

    Args:
        folder: made if it is missing.
        entries: in the order of the features.
        sabotages: the newest result of each.
        hosts: of the runs that are written, as in `Ledger`.
    """
    by_target: dict[str, list[dict[str, Any]]] = {}
    runs: dict[str, StoredRun] = {}
    for entry in entries:
        runs[entry.run.id] = entry.run
        told = {name: value for name, value in asdict(entry.outcome).items() if value not in ("", None)}
        by_target.setdefault(entry.run.target, []).append({"id": entry.scenario, "run": entry.run.id, **told})
    for path in folder.glob("*.jsonl"):
        if path.stem not in by_target and path.name not in NO_TARGETS:
            path.unlink()  # none of its scenarios is in the features any more
    for target, lines in by_target.items():
        _write(folder / f"{target}.jsonl", lines)
    _write(folder / RUNS, [_of_run(runs[name]) for name in sorted(runs)])
    _write(folder / HOSTS, map(_of_hosts, sorted(hosts(runs.values()).items())))
    _keep_statements(folder / STATEMENTS, runs.values())
    if (key := statement.key_file()) and key.exists():
        pem = statement.public_pem(key)
        atomic.write(folder / SIGNERS / f"{statement.public_key(pem).keyid[:16]}.pem", pem.decode())
    _write(folder / SABOTAGES, [_of_sabotage(one) for one in sorted(sabotages, key=lambda one: one.key)])


def _of_hosts(pair: tuple[tuple[str, str], frozenset[str]]) -> dict[str, Any]:
    (one, other), scripts = pair
    return {"made_by": one, "and_by": other, **({"scripts": sorted(scripts)} if scripts else {})}


def _of_sabotage(result: Result) -> dict[str, Any]:
    return {name: value for name, value in asdict(result).items() if value is not None}


def _keep_statements(folder: Path, runs: Iterable[StoredRun]) -> None:
    """Copy the statements of these runs; those of others go."""
    wanted = {f"{run.id}.json": run.folder for run in runs}
    for path in folder.glob("*.json") if folder.exists() else ():
        if path.name not in wanted:
            path.unlink()
    for name, source in wanted.items():
        if source is not None and (source / statement.NAME).exists():
            atomic.write(folder / name, (source / statement.NAME).read_text(encoding="utf-8"))


def _of_run(run: StoredRun) -> dict[str, Any]:
    told = {name: getattr(run, name) for name in OF_RUN}
    return told | {"provenance": {name: run.provenance[name] for name in PROVENANCE if name in run.provenance}}


def _write(path: Path, lines: Iterable[Mapping[str, Any]]) -> None:
    text = "".join(json.dumps(line, ensure_ascii=False, separators=(", ", ": ")) + "\n" for line in lines)
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        atomic.write(path, text)


def _lines(path: Path, damaged: list[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The lines of a file with their places, as "lab.jsonl:3"."""
    if not path.exists():
        return
    for number, text in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        place = f"{path.name}:{number}"
        with _noting(damaged, place):
            line: dict[str, Any] = json.loads(text)
            yield place, line


@contextmanager
def _noting(damaged: list[str], place: str) -> Iterator[None]:
    """Remember a line that cannot be read, and go on."""
    try:
        yield
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        damaged.append(f"{place}: {type(error).__name__}: {error}")
