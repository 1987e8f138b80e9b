"""From features, plan, runs and sabotages to the document; nothing that the features hold can be missing in it."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from proof import featurefiles, provenance, sabotagefiles, sabotagelog
from proof.docs import plan as plans
from proof.docs import states
from proof.docs.model import (
    SCHEMA,
    CriterionView,
    Document,
    GroupView,
    Mark,
    MilestoneView,
    RunView,
    ScenarioView,
    TaskView,
    Trust,
)
from proof.docs.runs import Found, Runs
from proof.docs.states import Standing, Today
from proof.featurefiles import Feature, Rule
from proof.selection import Case

MARKS = 10  # runs that a criterion's history shows


@dataclass(frozen=True)
class Sources:
    """All that a document is made from."""

    root: Path
    plan: plans.Plan
    features: Sequence[Feature]
    runs: Runs
    sabotages: Sequence[sabotagelog.Result]
    targets: Sequence[str]
    today: Today


def today(root: Path, features: Iterable[Feature], fresh_days: Mapping[str, int], now: datetime) -> Today:
    """What the files of this checkout are now."""
    tasks = {feature.task: provenance.task_content(root, feature.path, feature.task) for feature in features}
    return Today(now, provenance.contents(root), tasks, fresh_days)


def cases(feature: Feature) -> dict[str, list[Case]]:
    """Every case of a feature, by its Rule."""
    return {
        rule.name: [Case(feature, rule.name, scenario, row) for scenario in rule.scenarios for row in scenario.rows]
        for rule in feature.rules
    }


def document(sources: Sources) -> Document:
    """The whole document."""
    features = {feature.task: feature for feature in sources.features}
    milestones = tuple(
        MilestoneView(
            milestone.id,
            milestone.title,
            tuple(
                GroupView(
                    group.id, group.title, tuple(_task(sources, task, features.get(task.id)) for task in group.tasks)
                )
                for group in milestone.groups
            ),
        )
        for milestone in sources.plan.milestones
    )
    return Document(
        schema=SCHEMA,
        made=sources.today.now.isoformat(timespec="seconds"),
        targets=tuple(sources.targets),
        fresh_days=dict(sources.plan.fresh_days),
        provenance=provenance.gather(sources.root),
        milestones=milestones,
        runs=tuple(_run(found) for found in reversed(sources.runs.found)),
        damaged=sources.runs.damaged,
    )


def _task(sources: Sources, task: plans.PlannedTask, feature: Feature | None) -> TaskView:
    criteria: tuple[CriterionView, ...] = ()
    if feature is not None:
        by_rule = cases(feature)
        faults = sabotagefiles.read(feature.path, feature.task)
        criteria = tuple(_criterion(sources, feature, rule, by_rule[rule.name], faults) for rule in feature.rules)
    nothing = Standing("undefined", "no feature states what must hold")
    standings = {
        target: states.worst(
            [one.standings[target] for one in criteria if not one.standings[target].beyond]
            or [one.standings[target] for one in criteria]
            or [nothing]
        )
        for target in sources.targets
    }
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
        standings=standings,
    )


def _criterion(
    sources: Sources, feature: Feature, rule: Rule, own: Sequence[Case], faults: Sequence[sabotagefiles.Sabotage]
) -> CriterionView:
    scenarios = tuple(_scenario(sources, case) for case in own)
    waivers = {
        waiver.target: waiver
        for waiver in sources.plan.waivers
        if (waiver.task, waiver.rule) == (feature.task, rule.name)
    }
    return CriterionView(
        name=rule.name,
        line=rule.line,
        scenarios=scenarios,
        standings={
            target: states.of_criterion(
                [one.standings[target] for one in scenarios], waivers.get(target), sources.today
            )
            for target in sources.targets
        },
        history={target: _history(sources.runs.found, target, scenarios) for target in sources.targets},
        trust=trust([fault for fault in faults if fault.rule == rule.name], sources.sabotages),
    )


def _scenario(sources: Sources, case: Case) -> ScenarioView:
    path = case.feature.path
    return ScenarioView(
        id=case.id,
        name=case.name,
        disruptive=case.scenario.disruptive,
        file=f"{path.parent.name}/{path.name}",
        line=case.scenario.line,
        steps=tuple(f"{step.keyword} {case.filled(step.text)}" for step in case.scenario.steps),
        standings={
            target: states.of_scenario(case.id, case.feature.task, sources.runs.found, target, sources.today)
            for target in sources.targets
        },
    )


def _history(runs: Sequence[Found], target: str, scenarios: Sequence[ScenarioView]) -> tuple[Mark, ...]:
    marks: list[Mark] = []
    for run in reversed(runs):
        if run.target != target or len(marks) == MARKS:
            continue
        found = Counter(run.scenarios[one.id]["state"] for one in scenarios if one.id in run.scenarios)
        ran = found["passed"] + found["failed"]
        if ran:
            whole = "passed" if ran == len(scenarios) else f"{found['passed']} of {len(scenarios)} passed"
            marks.append(Mark(run.id, run.started, "failed" if found["failed"] else whole))
    return tuple(marks)


def trust(faults: Sequence[sabotagefiles.Sabotage], results: Sequence[sabotagelog.Result]) -> Trust:
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


def _run(found: Found) -> RunView:
    counted = Counter(scenario["state"] for scenario in found.scenarios.values())
    return RunView(
        id=found.id,
        target=found.target,
        state="interrupted" if found.interrupted else "finished",
        started=found.started,
        seconds=found.seconds,
        passed=counted["passed"],
        failed=counted["failed"],
        other=counted["skipped"] + counted["not run"],
        lab_error=found.lab_error,
        command=" ".join(found.command),
        provenance=dict(found.provenance),
    )


def mismatches(sources: Sources, made: Document) -> list[str]:
    """Where features, plan, runs and document do not count the same; empty where they do."""
    found = []
    planned = [task.id for task in sources.plan.tasks()]
    found += [f"the plan names {task} twice" for task, times in Counter(planned).items() if times > 1]
    found += [f"the plan lacks {one.task}, which has a feature" for one in sources.features if one.task not in planned]
    for waiver in sources.plan.waivers:
        rules = {rule.name for one in sources.features if one.task == waiver.task for rule in one.rules}
        if waiver.rule not in rules or waiver.target not in sources.targets:
            found.append(f"a waiver is of {waiver.task} {waiver.rule!r} on {waiver.target}, which is not there")
    shown = {task.id: [one.id for rule in task.criteria for one in rule.scenarios] for task in made.tasks}
    for feature in sources.features:
        if feature.task not in planned:
            continue
        expected = sum(scenario.cases for _, scenario in feature.scenarios())
        if len(set(shown[feature.task])) != expected:
            found.append(f"{feature.task} has {expected} scenarios, {len(set(shown[feature.task]))} are shown")
        for run in sources.runs.found:
            if run.contents.get(feature.task) == sources.today.tasks[feature.task]:
                ran = {key for key, one in run.scenarios.items() if one["task"] == feature.task}
                found += [f"{run.id} ran {one}, which is not shown" for one in sorted(ran - set(shown[feature.task]))]
    return found


def gather(root: Path, folders: Sequence[Path], targets: Sequence[str], now: datetime, runs: Runs) -> Sources:
    """Read everything; `folders` hold logs of sabotages. Raises UsageError and FeatureSyntaxError."""
    features = featurefiles.read_all(root / "features")
    plan = plans.read(root / "features" / plans.FILE)
    newest: dict[tuple[str, str, str], sabotagelog.Result] = {}
    for folder in folders:
        for result in sabotagelog.read(folder / "sabotage.json"):
            if result.key not in newest or newest[result.key].at < result.at:
                newest[result.key] = result
    return Sources(
        root, plan, features, runs, list(newest.values()), targets, today(root, features, plan.fresh_days, now)
    )
