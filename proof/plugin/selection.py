"""Which scenarios run and in which order, and whether every scenario of the feature files has its test."""

import importlib
import random
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path

import pytest
from pytest_bdd.parser import ScenarioTemplate, Step
from pytest_bdd.scenario import find_fixturedefs_for_step

from lab.errors import LabError
from proof.gherkin import feature_files
from proof.gherkin.case import CASE, Case
from proof.gherkin.feature_files import AFTER_REBOOT
from proof.gherkin.lint import Finding
from proof.hosts.target import Target

STANDING = pytest.StashKey[list[pytest.Item]]()
ON_PRODUCTION = "not run against production"


def template_of(item: pytest.Item) -> ScenarioTemplate | None:
    """The scenario that pytest-bdd bound to a test, None for any other test."""
    function = getattr(item, "obj", None)
    if function is None:
        return None
    # Up to pytest-bdd 8 the template is an attribute, since 9 it is in a registry.
    template = getattr(function, "__scenario__", None)
    module = importlib.import_module("pytest_bdd.scenario")
    registry = getattr(module, "scenario_wrapper_template_registry", None)
    if template is None and registry is not None:
        try:
            template = registry.get(function)
        except TypeError:  # a test of a special type cannot be referenced weakly
            return None
    return template if isinstance(template, ScenarioTemplate) else None


@cache
def _read(path: Path) -> tuple[feature_files.Feature, Mapping[int, tuple[str, feature_files.Scenario]]]:
    feature = feature_files.read(path)
    lines = {scenario.line: (rule.name if rule else "", scenario) for rule, scenario in feature.scenarios()}
    return feature, lines


def bind(items: Iterable[pytest.Item]) -> list[pytest.Item]:
    """The tests that are scenarios; each gets its `Case` into its stash. Raises FeatureSyntaxError."""
    _read.cache_clear()
    bound = []
    for item in items:
        template = template_of(item)
        if template is None:
            continue
        feature, lines = _read(Path(template.feature.filename))
        rule, scenario = lines[template.line_number]
        parameters = getattr(getattr(item, "callspec", None), "params", {})
        row: Mapping[str, str] = parameters.get("_pytest_bdd_example", {})
        item.stash[CASE] = Case(feature, rule, scenario, tuple(row.items()))
        bound.append(item)
    return bound


def unbound(items: Iterable[pytest.Item], features: Sequence[feature_files.Feature]) -> list[Finding]:
    """Scenarios of these features that no test runs as often as the file has cases of them."""
    collected = Counter((item.stash[CASE].feature.path, item.stash[CASE].scenario.line) for item in items)
    findings = []
    for feature in features:
        for _, scenario in feature.scenarios():
            tests = collected[feature.path, scenario.line]
            if tests != scenario.cases:
                findings.append(
                    Finding(
                        feature.path,
                        scenario.line,
                        f"the scenario {scenario.name!r} has {scenario.cases} case(s), but {tests} test(s) run it",
                    )
                )
    return findings


def undefined(items: Iterable[pytest.Item]) -> list[Finding]:
    """Steps of these scenarios that no function defines."""
    known: dict[tuple[str, str, str], bool] = {}
    findings = set()
    for item in items:
        template = template_of(item)
        if template is None:
            continue
        case = item.stash[CASE]
        for step in template.render(dict(case.values)).steps:
            key = (item.nodeid.split("::", maxsplit=1)[0], step.type, step.name)
            if key not in known:
                known[key] = _defined(step, item)
            if not known[key]:
                findings.add(Finding(case.feature.path, step.line_number, f"no step reads {step.name!r}"))
    return sorted(findings)


def _defined(step: Step, item: pytest.Item) -> bool:
    manager = item.session._fixturemanager
    return next(iter(find_fixturedefs_for_step(step, manager, item)), None) is not None


def chosen(item: pytest.Item, rules: Sequence[str], names: Sequence[str]) -> bool:
    """Whether a scenario is of the Rules and of the names that were asked for; an empty list asks for all."""
    case = item.stash[CASE]
    return (not rules or case.rule in rules) and (not names or case.scenario.name in names)


def standing(config: pytest.Config, target: Target, items: Sequence[pytest.Item]) -> list[pytest.Item]:
    """Of some scenarios those that need not run again, as they would tell nothing new; none without the option."""
    if not config.getoption("--affected"):
        return []
    from proof.docs import __main__ as docs  # noqa: PLC0415 - most runs need none of it
    from proof.docs import states  # noqa: PLC0415

    try:
        sources = docs.gather(config.rootpath, [config.rootpath / "build"])
    except LabError as error:
        raise pytest.UsageError(str(error)) from None
    runs = sources.runs.against(target.name)
    config.stash[STANDING] = [item for item in items if states.counts(item.stash[CASE].id, runs, sources.today)]
    return config.stash[STANDING]


def ordered(items: Sequence[pytest.Item], seed: int | None = None) -> list[pytest.Item]:
    """The same tests: those that leave the host alone, those that share a reboot, the others that break it.

    Each kind keeps its order, or gets a random one. Those that share a reboot stay together: one answers all of them.

    Args:
        items: tests, scenarios and others.
        seed: of the random order; None for none.
    """
    chosen = list(items)
    if seed is not None:
        random.Random(seed).shuffle(chosen)  # noqa: S311 - an order to test in

    def kind(item: pytest.Item) -> int:
        if CASE not in item.stash or not item.stash[CASE].scenario.disruptive:
            return 0
        return 1 if AFTER_REBOOT in item.stash[CASE].scenario.tags else 2

    return sorted(chosen, key=kind)
