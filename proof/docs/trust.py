"""The sabotages of a criterion: whether a green line can be trusted."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path

from proof.docs.model import FaultView, Trust
from proof.evidence import sabotage_results
from proof.evidence.sabotage_results import LOG, Result
from proof.gherkin import sabotage_files
from proof.gherkin.feature_files import Feature
from proof.gherkin.sabotage_files import Sabotage


def read(builds: Iterable[Path], kept: Sequence[Result]) -> tuple[list[Result], list[str]]:
    """The newest result of each sabotage, and which logs no one can read.

    Args:
        builds: build folders with logs of sabotages.
        kept: results that the ledger tells of.
    """
    found = list(kept)
    damaged = []
    for path in (build / LOG for build in builds):
        results = sabotage_results.read(path)
        if not results and path.exists() and not _empty(path):
            damaged.append(f"{path.parent.name}/{LOG}: it holds no log of sabotages")
        found += results
    newest = {result.key: result for result in sorted(found, key=lambda result: result.at)}
    return list(newest.values()), damaged


def _empty(path: Path) -> bool:
    try:
        return bool(json.loads(path.read_bytes()) == {"schema": sabotage_results.SCHEMA, "results": []})
    except (OSError, ValueError):
        return False


def faults(feature: Feature, results: Sequence[Result]) -> list[FaultView]:
    """Every sabotage of a feature, with how it ended as it is now."""
    known = {(*result.key, result.content): result for result in results}
    shown = []
    for one in sabotage_files.read(feature.path, feature.task):
        result = known.get((one.task, one.rule, one.name, one.content))
        told = (result.outcome, result.detail, result.at, result.red) if result else ("", "", "", None)
        shown.append(FaultView(one.task, one.rule, one.name, *told))
    return shown


def alone(faults: Sequence[FaultView]) -> dict[str, list[FaultView]]:
    """Of the criteria that noticed faults of the matrix, the faults that only they noticed: maybe none."""
    found: dict[str, list[FaultView]] = {}
    for fault in faults:
        for criterion in fault.red or ():
            found.setdefault(criterion, [])
        if fault.red is not None and len(fault.red) == 1:
            found[fault.red[0]].append(fault)
    return found


def of(faults: Sequence[Sabotage], results: Sequence[Result]) -> Trust:
    """What the sabotages of one criterion have shown, as they stand now; results of other scripts do not count."""
    known = {result.key: result for result in results}
    tried = []
    for fault in faults:
        result = known.get((fault.task, fault.rule, fault.name))
        if result is not None and result.content == fault.content:
            tried.append(result)
    caught = [result for result in tried if result.outcome == "caught"]
    return Trust(
        sabotages=len(faults),
        caught=len(caught),
        survived=sum(result.outcome == "survived" for result in tried),
        at=min((result.at for result in caught), default=""),
    )
