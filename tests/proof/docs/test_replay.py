"""Every fault in the operator's own files that a criterion catches must make that criterion's evidence stale."""

import shutil
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from lab.paths import ROOT
from proof.docs import ledger, states
from proof.docs.runs import Outcome, StoredRun
from proof.docs.states import Today
from proof.evidence import provenance
from proof.faults import sabotage
from proof.gherkin import feature_files
from proof.gherkin.case import Case
from proof.gherkin.feature_files import Feature, Rule
from proof.gherkin.sabotage_files import RUNNER, Sabotage
from proof.whole_host.reference import Change

CHANGED = ("provision", "terraform", "steps")  # by sabotages


def faults() -> Iterator[tuple[Feature, Sabotage]]:
    features = feature_files.read_all(ROOT / "features")
    return ((feature, one) for feature, one in sabotage.chosen(features, [], []) if one.on == RUNNER)


def today(root: Path, *features: Feature) -> Today:
    """What evidence of these must be made from, where the host stayed the same: the worst that can be claimed."""
    tasks = {one.task: provenance.task_content(root, root / "features" / one.path.name) for one in features}
    made_from, playbooks = provenance.contents(root), provenance.playbooks(root)
    return Today(datetime.now(UTC), made_from, tasks, {}, lambda _: Change(), playbooks)


@pytest.fixture(scope="module")
def now() -> Today:
    return today(ROOT, *feature_files.read_all(ROOT / "features"))


@pytest.fixture(scope="module")
def run(now: Today) -> StoredRun:
    """A run of just now, in which each scenario did what it did in the run that the ledger tells of."""
    known: dict[str, Outcome] = {}
    for each in ledger.read(ROOT / ledger.FOLDER).runs:
        if each.target == "lab":
            known |= each.outcomes
    made = {"contents": now.contents, "playbooks": now.playbooks}
    return StoredRun("r", "lab", "finished", "", 0.0, "", (), made, now.tasks, {}, known, ROOT)


def scenarios(feature: Feature, rule: Rule) -> list[str]:
    return [Case(feature, rule.name, one, row).id for one in rule.scenarios for row in one.rows]


@pytest.mark.parametrize(("feature", "fault"), list(faults()), ids=lambda one: getattr(one, "name", ""))
def test_a_fault_makes_stale_what_catches_it(
    tmp_path: Path, now: Today, run: StoredRun, feature: Feature, fault: Sabotage
) -> None:
    copy = tmp_path / "copy"
    copy.mkdir()
    for name in provenance.CONTENTS:
        if name in CHANGED:
            shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__", ".terraform"))
        else:
            (copy / name).symlink_to(ROOT / name)
    subprocess.run(["bash", "-euc", fault.run], cwd=copy, check=True, capture_output=True)
    after = today(copy, feature)
    (rule,) = (one for one in feature.rules if one.name == fault.rule)
    known = [run.outcomes[one] for one in scenarios(feature, rule) if one in run.outcomes]
    assert known, "the ledger has no result of it"
    assert not any(states.stale(run, one, now) for one in known), "it is stale without the fault"
    assert any(states.stale(run, one, after) for one in known)
