"""Checks that features, plan, runs and document have the same counts, so that nothing vanishes."""

from collections import Counter
from collections.abc import Iterator

from proof.docs.build import Sources
from proof.docs.model import Document
from proof.docs.runs import StoredRun


def mismatches(sources: Sources, made: Document) -> tuple[str, ...]:
    """Where they do not, each as a sentence; empty if they do."""
    return (*_plan(sources), *_waivers(sources), *_scenarios(sources, made))


def _plan(sources: Sources) -> Iterator[str]:
    planned = Counter(task.id for task in sources.plan.tasks())
    yield from (f"the plan names {task} {times} times" for task, times in planned.items() if times > 1)
    yield from (
        f"the plan lacks {one.task}, which has a feature" for one in sources.features if one.task not in planned
    )
    for target in sources.targets:
        if target not in sources.plan.fresh_days:
            yield f"the plan does not say how long evidence of {target} counts"


def _waivers(sources: Sources) -> Iterator[str]:
    for waiver in sources.plan.waivers:
        rules = {rule.name for one in sources.features if one.task == waiver.task for rule in one.rules}
        if waiver.rule not in rules or waiver.target not in sources.targets:
            yield f"a waiver is of {waiver.task} {waiver.rule!r} on {waiver.target}, which is not there"


def _scenarios(sources: Sources, made: Document) -> Iterator[str]:
    shown = {task.id: [one.id for rule in task.criteria for one in rule.scenarios] for task in made.tasks}
    for feature in sources.features:
        task = feature.task
        if task not in shown:
            continue
        expected = sum(scenario.cases for _, scenario in feature.scenarios())
        there = set(shown[task])
        if len(there) != expected:
            yield f"{task} has {expected} scenarios in its feature, and {len(there)} of them are shown"
        for run in sources.runs.found:
            if run.contents.get(task) == sources.today.tasks[task]:
                yield from _run(run, task, expected, there)


def _run(run: StoredRun, task: str, expected: int, there: set[str]) -> Iterator[str]:
    """What a run of the same feature and steps counted differently."""
    if run.cases and run.cases.get(task) != expected:
        yield f"{run.id} counted {run.cases.get(task)} scenarios of {task}, its feature has {expected}"
    ran = {scenario for scenario, outcome in run.outcomes.items() if outcome.task == task}
    yield from (f"{run.id} ran {scenario}, which is not shown" for scenario in sorted(ran - there))
