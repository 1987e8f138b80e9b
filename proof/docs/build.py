"""Builds the document from features, plan, runs and sabotages; nothing in the features can be missing in it."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from proof.docs import ledger, states, trust, verify
from proof.docs import runs as records
from proof.docs.diagram import Drawing
from proof.docs.evidence import Evidence
from proof.docs.ledger import Entry
from proof.docs.model import (
    SCHEMA,
    CriterionView,
    Document,
    EvidenceView,
    GroupView,
    Mark,
    MilestoneView,
    RunView,
    ScenarioView,
    TaskView,
    Unsteady,
    WaiverView,
)
from proof.docs.runs import Runs, StoredRun
from proof.docs.states import LAB_ONLY, HostChanged, Standing, Today
from proof.evidence import provenance, statement
from proof.evidence.run_folder import slug
from proof.evidence.sabotage_results import Result
from proof.gherkin import feature_files, sabotage_files
from proof.gherkin import tracker as plans
from proof.gherkin.case import Case
from proof.gherkin.feature_files import Feature, Rule
from proof.gherkin.sabotage_files import Sabotage
from proof.hosts.target import LAB
from proof.whole_host import journal
from proof.whole_host.journal import Entry as Drift
from proof.whole_host.reference import Change

DRIFT = 500  # changes of hosts that are shown
MARKS = 10  # runs that a criterion's history shows


@dataclass(frozen=True)
class Sources:
    """All that a document is made from; `against` are the runs that count, by target, oldest first."""

    root: Path
    plan: plans.Plan
    features: Sequence[Feature]
    runs: Runs
    against: Mapping[str, Sequence[StoredRun]]
    sabotages: Sequence[Result]
    damaged: Sequence[str]
    today: Today
    drawing: Drawing
    drift: Sequence[Drift]

    @property
    def targets(self) -> tuple[str, ...]:
        """Every target, in the order of the columns."""
        return tuple(self.against)


def gather(
    root: Path,
    builds: Sequence[Path],
    targets: Iterable[str],
    now: datetime,
    drawing: Drawing,
    host_changed: HostChanged = lambda _: None,
) -> Sources:
    """Read everything.

    Args:
        root: the checkout whose features, provisioning and ledger count as today's.
        builds: folders like build/, whose runs and sabotages are evidence; the first keeps the history.
        targets: names of the columns.
        now: the time that evidence is old by.
        drawing: of the lab.
        host_changed: of the hosts that the provisioning made then and makes today.

    Raises:
        UsageError: the plan cannot be read.
        FeatureSyntaxError: a feature cannot be read.
    """
    features = feature_files.read_all(root / "features")
    plan = plans.read(root / "features" / plans.FILE)
    kept = ledger.read(root / ledger.FOLDER)
    runs = ledger.with_runs(kept, records.read(builds))
    sabotages, damaged = trust.read(builds, kept.sabotages)
    tasks = {feature.task: provenance.task_content(root, feature.path) for feature in features}
    contents = provenance.contents(root)

    def changed(made_from: Mapping[str, str]) -> Change | None:
        found = host_changed(made_from)
        scripts = kept.hosts.get((ledger.made_by(made_from), ledger.made_by(contents)))
        if found is None and scripts is not None:
            return Change(tuple(f"files: {path}" for path in sorted(scripts)), scripts)
        return found

    return Sources(
        root=root,
        plan=plan,
        features=features,
        runs=runs,
        against={target: runs.against(target) for target in targets},
        sabotages=sabotages,
        damaged=damaged,
        today=Today(now, contents, tasks, plan.fresh_days, changed, provenance.playbooks(root)),
        drawing=drawing,
        drift=[one for build in builds for one in journal.read(build / journal.FOLDER.name)],
    )


def cases(feature: Feature) -> dict[str, list[Case]]:
    """Every case of a feature, by its Rule."""
    return {
        rule.name: [Case(feature, rule.name, scenario, row) for scenario in rule.scenarios for row in scenario.rows]
        for rule in feature.rules
    }


def document(sources: Sources, evidence: Evidence) -> Document:
    """The whole document; the files that it names are written beside its pages."""
    features = {feature.task: feature for feature in sources.features}

    def task(planned: plans.PlannedTask) -> TaskView:
        return _task(sources, evidence, planned, features.get(planned.id))

    return Document(
        schema=SCHEMA,
        made=sources.today.now.isoformat(timespec="seconds"),
        targets=sources.targets,
        fresh_days=dict(sources.plan.fresh_days),
        provenance=provenance.gather(sources.root),
        milestones=tuple(
            MilestoneView(
                milestone.id,
                milestone.title,
                tuple(GroupView(group.id, group.title, tuple(map(task, group.tasks))) for group in milestone.groups),
            )
            for milestone in sources.plan.milestones
        ),
        runs=_runs(sources),
        faults=tuple(fault for feature in sources.features for fault in trust.faults(feature, sources.sabotages)),
        drift=tuple(sorted(sources.drift, key=lambda one: one.at, reverse=True)[:DRIFT]),
        drawing=sources.drawing,
        damaged=(*sources.runs.damaged, *sources.damaged, *evidence.damaged),
    )


def _task(sources: Sources, evidence: Evidence, task: plans.PlannedTask, feature: Feature | None) -> TaskView:
    criteria: tuple[CriterionView, ...] = ()
    if feature is not None:
        by_rule = cases(feature)
        faults = sabotage_files.read(feature.path, feature.task)
        criteria = tuple(
            _criterion(sources, evidence, feature, rule, by_rule[rule.name], faults) for rule in feature.rules
        )
    return TaskView(
        id=task.id,
        title=task.title,
        promise=feature.title if feature else "",
        estimate=task.estimate,
        depends_on=task.depends_on,
        automation=task.automation,
        feature=f"features/{feature.path.name}" if feature else "",
        description=feature.description if feature else "",
        criteria=criteria,
        standings={target: states.of_task([one.standings[target] for one in criteria]) for target in sources.targets},
    )


def _criterion(
    sources: Sources,
    evidence: Evidence,
    feature: Feature,
    rule: Rule,
    own: Sequence[Case],
    faults: Sequence[Sabotage],
) -> CriterionView:
    scenarios = tuple(_scenario(sources, evidence, case) for case in own)
    waivers = {one.target: one for one in sources.plan.waivers if (one.task, one.rule) == (feature.task, rule.name)}
    today = sources.today
    return CriterionView(
        anchor=slug(rule.name, 80),
        name=rule.name,
        line=rule.line,
        scenarios=scenarios,
        standings={
            target: states.of_criterion([one.standings[target] for one in scenarios], waivers.get(target), today)
            for target in sources.targets
        },
        history={target: _history(runs, target, scenarios) for target, runs in sources.against.items()},
        trust=trust.of([fault for fault in faults if fault.rule == rule.name], sources.sabotages),
        waivers=tuple(
            WaiverView(one.target, one.author, one.reason, str(one.expires), today.now.date() >= one.expires)
            for one in waivers.values()
        ),
    )


def _scenario(sources: Sources, evidence: Evidence, case: Case) -> ScenarioView:
    standings = {}
    shown: dict[str, EvidenceView] = {}
    for target, runs in sources.against.items():
        if case.scenario.disruptive and target != LAB:
            standings[target] = Standing("not run", LAB_ONLY, beyond=True)
            continue
        standing = states.of_scenario(case.id, runs, sources.today)
        run = next((one for one in runs if one.id == standing.run), None)
        found = evidence.of(run, case.id) if run else None
        if found is not None:
            shown[target] = found
        elif standing.state == "verified" and run is not None and run.folder is None:
            kept = run.outcomes[case.id].evidence
            standing = replace(standing, reason=f"its evidence is where it was run; SHA-256 {kept}")
        elif standing.state == "verified":
            standing = replace(standing, state="stale", reason="its evidence cannot be read")
        standings[target] = standing
    return ScenarioView(
        id=case.id,
        anchor=slug(case.id.partition("/")[2], 200),
        name=case.name,
        disruptive=case.scenario.disruptive,
        line=case.scenario.line,
        steps=tuple(f"{step.keyword} {case.filled(step.text)}" for step in case.scenario.steps),
        standings=standings,
        evidence=shown,
        unsteady={
            target: both for target, runs in sources.against.items() if (both := unsteady(case.id, runs)) is not None
        },
    )


def unsteady(scenario: str, runs: Sequence[StoredRun]) -> Unsteady | None:
    """How a scenario failed and passed in runs that were made from the very same content; None if it never did both."""
    by_content: dict[str, Counter[str]] = {}
    for run in runs:
        outcome = run.outcomes.get(scenario)
        contents = run.provenance.get("contents") or {}
        if outcome is not None and contents.keys() >= set(provenance.CONTENTS):
            by_content.setdefault(repr(sorted(contents.items())), Counter())[outcome.state] += 1
    both = [counted for counted in by_content.values() if counted["passed"] and counted["failed"]]
    if not both:
        return None
    return Unsteady(failed=sum(one["failed"] for one in both), passed=sum(one["passed"] for one in both))


def entries(sources: Sources, made: Document) -> Iterator[Entry]:
    """The newest result of every scenario on every target, for the ledger."""
    scenarios = [one for task in made.tasks for criterion in task.criteria for one in criterion.scenarios]
    for target, runs in sources.against.items():
        known = {run.id: run for run in runs}
        for scenario in scenarios:
            standing = scenario.standings[target]
            if run := known.get(standing.run):
                outcome = run.outcomes[scenario.id]
                shown = scenario.evidence.get(target)
                hashed = shown.whole.sha256 if shown else outcome.evidence
                yield Entry(scenario.id, run, replace(outcome, since=standing.since, evidence=hashed))


def hosts(sources: Sources, runs: Iterable[StoredRun]) -> dict[tuple[str, str], frozenset[str]]:
    """For the ledger: each provisioning of these runs that makes the host of today but for scripts, with today's."""
    today = ledger.made_by(sources.today.contents)
    found = {}
    for run in runs:
        made_from = run.provenance.get("contents") or {}
        before = ledger.made_by(made_from)
        change = sources.today.host_changed(made_from) if before != today else None
        if change is not None and change.scripts is not None:
            found[before, today] = change.scripts
    return found


def _history(runs: Sequence[StoredRun], target: str, scenarios: Sequence[ScenarioView]) -> tuple[Mark, ...]:
    own = [one.id for one in scenarios if not one.standings[target].beyond]
    marks: list[Mark] = []
    for run in reversed(runs):
        found = Counter(run.outcomes[one].state for one in own if one in run.outcomes)
        if found["passed"] + found["failed"]:
            whole = "passed" if found["passed"] == len(own) else f"{found['passed']} of {len(own)} passed"
            marks.append(Mark(run.id, run.started, "failed" if found["failed"] else whole))
        if len(marks) == MARKS:
            break
    return tuple(marks)


def _runs(sources: Sources) -> tuple[RunView, ...]:
    """The newest first."""
    keys = verify.trusted(sources.root)
    kept = sources.root / ledger.FOLDER / ledger.STATEMENTS
    return tuple(
        _run(found, _signed(found.folder / statement.NAME if found.folder else kept / f"{found.id}.json", found, keys))
        for found in reversed(sources.runs.found)
    )


def _signed(path: Path, run: StoredRun, keys: verify.Keys) -> str:
    """By whom a run's results are signed, for a reader; `proof verify` checks more."""
    try:
        claim = statement.read(path, run.id, keys)
    except FileNotFoundError:
        return "not signed"
    except (OSError, ValueError):
        return "signed with something that no one can read"
    return claim.problem or (f"signed by {claim.signed_by[:16]}" if claim.signed_by else "not signed")


def _run(found: StoredRun, signed: str) -> RunView:
    counted = Counter(outcome.state for outcome in found.outcomes.values())
    return RunView(
        id=found.id,
        target=found.target,
        state=found.state,
        started=found.started,
        seconds=found.seconds,
        passed=counted["passed"],
        failed=counted["failed"],
        other=counted["skipped"] + counted["not run"],
        counts=found.counts,
        lab_error=found.lab_error,
        command=" ".join(found.command),
        signed=signed,
        provenance=dict(found.provenance),
    )
