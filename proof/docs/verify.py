"""Checks what was kept against what was signed: a run's folder, a folder of runs, a ledger, a site."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from securesystemslib.signer import Key

from lab.errors import UsageError
from proof.docs import ledger
from proof.docs.ledger import RUNS, SIGNERS, STATEMENTS
from proof.evidence import statement
from proof.evidence.record import Run
from proof.evidence.statement import CHAIN, NAME, SCENARIO, Claim

Keys = Mapping[str, Key]
DATA = "data.json"  # of a site


@dataclass
class Findings:
    """What was checked, each as a sentence, and what is wrong."""

    checked: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def claim(self, path: Path, run: str, keys: Keys) -> Claim | None:
        """What a statement says, None if no one can read it; whatever is wrong with it is a problem."""
        try:
            found = statement.read(path, run, keys)
        except OSError:
            self.problems.append(f"{run}: it has no statement {path.name}")
            return None
        except ValueError as error:
            self.problems.append(str(error))
            return None
        if found.problem:
            self.problems.append(f"{run}: {found.problem}")
        return found


def trusted(root: Path) -> dict[str, Key]:
    """The public keys of the operator and of those whom the ledger of a checkout names, by id. Raises LabError."""
    found = [path.read_bytes() for path in sorted((root / ledger.FOLDER / SIGNERS).glob("*.pem"))]
    own = statement.key_file()
    if own is not None and own.exists():
        found.append(statement.public_pem(own))
    keys = [statement.public_key(pem) for pem in found]
    return {key.keyid: key for key in keys}


def check(path: Path, keys: Keys) -> Findings:
    """Check whatever lies in a folder, or a single file. Raises UsageError if it is nothing that can be checked."""
    if path.is_file():
        return _file(path, keys)
    kinds = {"run.json": _run, CHAIN: _runs, RUNS: _ledger, DATA: _site}
    for name, kind in kinds.items():
        if (path / name).is_file():
            found = Findings()
            kind(path, keys, found)
            return found
    raise UsageError(
        f"{path} is no run's folder, no folder of runs, no ledger and no site.", f"it has no {' and no '.join(kinds)}"
    )


def _file(path: Path, keys: Keys) -> Findings:
    """A single file, by the statement beside it."""
    found = Findings()
    claim = found.claim(path.with_name(f"{path.name}.dsse.json"), path.name, keys)
    if claim is not None and claim.digests.get(path.name) != statement.sha256(path.read_bytes()):
        found.problems.append(f"{path.name} was changed")
    found.checked.append(f"{path.name}{_by(claim) if claim else ''}")
    return found


def _run(folder: Path, keys: Keys, found: Findings) -> Claim | None:
    claim = found.claim(folder / NAME, folder.name, keys)
    if claim is None:
        return None
    there = statement.digests(folder)
    for name in sorted({*there, *claim.digests}):
        if there.get(name) != claim.digests.get(name):
            how = (
                "is gone"
                if name not in there
                else "is not in its statement"
                if name not in claim.digests
                else "was changed"
            )
            found.problems.append(f"{folder.name}: {name} {how}")
    run = Run.read(folder / "run.json")
    for state, said in (("passed", claim.passed), ("failed", claim.failed)):
        counted = {one.id for one in run.scenarios if one.state == state}
        if counted != said:
            found.problems.append(
                f"{folder.name}: {len(counted)} scenarios {state}, and its statement says {len(said)}"
            )
    found.checked.append(f"{folder.name}: {len(there)} files and results{_by(claim)}")
    return claim


def _by(claim: Claim) -> str:
    return f", signed by {claim.signed_by[:16]}" if claim.signed_by else ", not signed"


def _runs(folder: Path, keys: Keys, found: Findings) -> None:
    before = statement.BEGINNING
    kept = False  # whether an older run is still there: the oldest ones go by themselves
    chained = set()
    for number, line in enumerate(statement.read_chain(folder / CHAIN), start=1):
        run, place = line["run"], f"{CHAIN}:{number}: {line['run']}"
        chained.add(run)
        if (folder / run).is_dir():
            kept = True
            claim = _run(folder / run, keys, found)
            if claim is not None and claim.payload != line["statement"]:
                found.problems.append(f"{place}: its statement is not the one in the chain")
            if claim is not None and claim.previous != before:
                found.problems.append(f"{place}: it was signed after other runs than those before it in the chain")
        elif kept:
            found.problems.append(f"{place}: its folder is gone, and older ones are there")
        before = statement.link(before, line["statement"])
        if line["chain"] != before:
            found.problems.append(f"{place}: the chain is broken here: a run before it was changed, moved or taken out")
            before = line["chain"]
    for path in sorted(folder.glob("[0-9]*Z-*")):
        if path.name not in chained and (path / NAME).exists():
            found.problems.append(f"{path.name}: it has a statement, and the chain lacks it")
    found.checked.append(f"a chain of {len(chained)} runs")


def _ledger(folder: Path, keys: Keys, found: Findings) -> None:
    kept = ledger.read(folder)
    found.problems += kept.damaged
    results = 0
    for run in kept.runs:
        claim = found.claim(folder / STATEMENTS / f"{run.id}.json", run.id, keys)
        if claim is None:
            continue
        told = {"target": run.target, "started": run.started, "contents": run.provenance.get("contents")}
        found.problems += [
            f"{run.id}: its {name} is {value}, and {claim.about.get(name)} was signed"
            for name, value in told.items()
            if claim.about.get(name) != value
        ]
        for scenario, outcome in run.outcomes.items():
            results += 1
            if claim.digests.get(f"{SCENARIO}{scenario}") != outcome.evidence:
                found.problems.append(f"{run.id}: {scenario}: its evidence is not the one that was signed")
            signed = "passed" if scenario in claim.passed else "failed" if scenario in claim.failed else "neither"
            if (outcome.state if outcome.state in ("passed", "failed") else "neither") != signed:
                found.problems.append(f"{run.id}: {scenario}: {outcome.state}, and {signed} was signed")
        found.checked.append(f"{run.id}: {len(run.outcomes)} results{_by(claim)}")
    if kept.hosts:
        found.checked.append(
            f"{len(kept.hosts)} provisionings are said to make the same host, but for scripts: not signed"
        )
    lines = sum(
        len(path.read_text(encoding="utf-8").splitlines())
        for path in folder.glob("*.jsonl")
        if path.name not in ledger.NO_TARGETS
    )
    if lines != results and not found.problems:
        found.problems.append(f"{lines} results are in the ledger, and {results} could be checked")


def _site(folder: Path, keys: Keys, found: Findings) -> None:
    data = json.loads((folder / DATA).read_bytes())
    claims: dict[str, Claim | None] = {}
    files = 0
    for one in _dicts(data):
        if {"path", "sha256", "size"} <= one.keys():
            files += 1
            path = (folder / one["path"]).resolve()
            if not path.is_relative_to(folder.resolve()) or not path.is_file():
                found.problems.append(f"{one['path']} is gone")
            elif statement.sha256(path.read_bytes()) != one["sha256"]:
                found.problems.append(f"{one['path']} was changed")
        for shown in (one.get("evidence") or {}).values() if "standings" in one and "id" in one else ():
            run = shown["run"]
            if run not in claims:
                claims[run] = found.claim(folder / STATEMENTS / f"{run}.json", run, keys)
            claim = claims[run]
            if claim is not None and claim.digests.get(f"{SCENARIO}{one['id']}") != shown["whole"]["sha256"]:
                found.problems.append(f"{run}: {one['id']}: its evidence is not the one that was signed")
    found.checked.append(f"{files} files of the site, of {len(claims)} runs")


def _dicts(value: object) -> Iterator[Mapping[str, Any]]:
    """Every object in a JSON document."""
    if isinstance(value, dict):
        yield value
        for part in value.values():
            yield from _dicts(part)
    elif isinstance(value, list):
        for part in value:
            yield from _dicts(part)
