"""Lint of the features: finds whatever would leave a criterion unproved without notice."""

import re
import sys
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from lab.errors import UsageError
from lab.paths import FEATURES
from proof.gherkin import feature_files, sabotage_files
from proof.gherkin import tracker as plans
from proof.gherkin.feature_files import TAGS, WHOLE_HOST, Feature, FeatureSyntaxError
from proof.gherkin.sabotage_files import Sabotage

TASK = re.compile(r"^(\d+)\.(\d+)\.(\d+)$")


def shown(path: Path) -> Path:
    """The path for people: relative to the working directory if it is below that."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


@dataclass(frozen=True, order=True)
class Finding:
    """A problem and its place; `line` counts from 1."""

    path: Path
    line: int
    message: str

    def __str__(self) -> str:
        return f"{shown(self.path)}:{self.line}: {self.message}"


def task_tags(task: str) -> frozenset[str]:
    """The tags a feature of this task must have: task, group and milestone; none for a malformed id."""
    if task == WHOLE_HOST:
        return frozenset({WHOLE_HOST})
    match = TASK.match(task)
    if match is None:
        return frozenset()
    milestone, group, _ = match.groups()
    return frozenset({f"task-{task}", f"group-{milestone}.{group}", f"milestone-{milestone}"})


def tags_of(path: Path) -> frozenset[str]:
    """The tags that the feature in a file of this name must have."""
    return task_tags(Feature(path, "", 1, frozenset(), (), ()).task)


def _names(feature: Feature) -> Iterator[Finding]:
    path = feature.path
    needed = task_tags(feature.task)
    if not needed:
        yield Finding(
            path, 1, "the file's name is neither a task's, such as task_1.3.4.feature, nor whole_host.feature"
        )
        return
    missing = sorted(needed - feature.tags)
    if missing:
        tags = ", ".join(f"@{tag}" for tag in missing)
        yield Finding(path, feature.line, f"the feature lacks its tag {tags}")
    if feature.task != WHOLE_HOST and not re.match(rf"{re.escape(feature.task)}\s", feature.name):
        yield Finding(path, feature.line, f"the feature's name does not begin with {feature.task}")
    known = needed | TAGS.keys()
    unknown = set(feature.tags - known)
    for _, scenario in feature.scenarios():
        strange = scenario.tags - known - feature.tags
        if strange:
            tags = ", ".join(f"@{tag}" for tag in sorted(strange))
            yield Finding(path, scenario.line, f"unknown tag {tags}")
    if unknown:
        tags = ", ".join(f"@{tag}" for tag in sorted(unknown))
        yield Finding(path, feature.line, f"the feature has the tag {tags}, which is not its own")


def _scenarios(feature: Feature) -> Iterator[Finding]:
    first: dict[str, int] = {}
    for rule, scenario in feature.scenarios():
        if scenario.name in first:
            yield Finding(
                feature.path,
                scenario.line,
                f"two scenarios are named {scenario.name!r}; the first is in line {first[scenario.name]}",
            )
        first.setdefault(scenario.name, scenario.line)
        if rule is None:
            yield Finding(feature.path, scenario.line, f"the scenario {scenario.name!r} is outside any Rule")
        if not scenario.steps:
            yield Finding(feature.path, scenario.line, f"the scenario {scenario.name!r} has no step")


def _rules(feature: Feature, sabotages: Sequence[Sabotage]) -> Iterator[Finding]:
    if not feature.rules:
        yield Finding(feature.path, feature.line, "the feature has no Rule")
    caught = {sabotage.rule for sabotage in sabotages}
    twice = Counter(rule.name for rule in feature.rules)
    for rule in feature.rules:
        if not rule.scenarios:
            yield Finding(feature.path, rule.line, f"the Rule {rule.name!r} has no scenario")
        if twice[rule.name] > 1:
            yield Finding(feature.path, rule.line, f"two Rules read {rule.name!r}")
        if rule.name not in caught:
            yield Finding(feature.path, rule.line, f"no sabotage is there for the Rule {rule.name!r}")


def _sabotages(feature: Feature, sabotages: Sequence[Sabotage]) -> Iterator[Finding]:
    rules = {rule.name for rule in feature.rules}
    seen: set[str] = set()
    for sabotage in sabotages:
        if sabotage.rule not in rules:
            yield Finding(sabotage.path, sabotage.line, f"no Rule reads {sabotage.rule!r}")
        if sabotage.name in seen:
            yield Finding(sabotage.path, sabotage.line, f"two sabotages are named {sabotage.name!r}")
        seen.add(sabotage.name)


def check(feature: Feature, sabotages: Sequence[Sabotage]) -> list[Finding]:
    """What is wrong with a feature and the sabotages beside it."""
    return sorted(
        [
            *_names(feature),
            *_scenarios(feature),
            *_rules(feature, sabotages),
            *_sabotages(feature, sabotages),
        ]
    )


def check_folder(folder: Path, only: Collection[Path] | None = None) -> list[Finding]:
    """What is wrong in a folder of features, files that cannot be read and stray sabotage files included.

    Args:
        folder: where the feature files lie.
        only: the feature files to look at; all if None.
    """
    findings: list[Finding] = []
    for path in feature_files.files(folder):
        if only is not None and path not in only:
            continue
        try:
            feature = feature_files.read(path)
            findings += check(feature, sabotage_files.read(path, feature.task))
        except FeatureSyntaxError as error:
            findings.append(Finding(error.path, error.line, error.message))
    if only is None:
        for stray in sorted(folder.glob("*.sabotage.yml")):
            if not stray.with_name(stray.name.removesuffix(".sabotage.yml") + ".feature").exists():
                findings.append(Finding(stray, 1, "no feature file is there to catch these sabotages"))
    return findings


def check_plan(folder: Path) -> list[Finding]:
    """What in the operator's plan does not fit the features of the folder; none of them may be unreadable."""
    path = folder / plans.FILE
    try:
        plan = plans.read(path)
    except UsageError as error:
        return [Finding(path, 1, error.what)]
    features = {feature.task: feature for feature in feature_files.read_all(folder)}
    planned = Counter(task.id for task in plan.tasks())
    wrong = [f"{task} is there {times} times" for task, times in planned.items() if times > 1]
    wrong += [f"it lacks {task}, which has a feature" for task in features if task not in planned]
    for task in plan.tasks():
        wrong += [
            f"{task.id} depends on {other}, which is not there" for other in task.depends_on if other not in planned
        ]
        if task.id in features:
            wrong += [
                f"the automation of {task.id} is not there: {name}"
                for name in task.automation
                if not any((folder.parent / place / name).exists() for place in ("", "provision"))
            ]
    for waiver in plan.waivers:
        feature = features.get(waiver.task)
        if feature is None or waiver.rule not in {rule.name for rule in feature.rules}:
            wrong.append(f"a waiver is of {waiver.task} {waiver.rule!r}, which is not there")
    return [Finding(path, 1, message) for message in wrong]


def main(arguments: Sequence[str] | None = None) -> int:
    """Check the features of a folder, the project's own by default; returns 1 if something is wrong."""
    named = list(sys.argv[1:] if arguments is None else arguments)
    folder = Path(named[0]).resolve() if named else FEATURES
    findings = check_folder(folder) or check_plan(folder)
    for finding in findings:
        print(finding)
    if not findings:
        features = feature_files.read_all(folder)
        rules = sum(len(feature.rules) for feature in features)
        print(f"{len(features)} features, {rules} criteria: nothing to mend")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
