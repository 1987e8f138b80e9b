"""The inventory of criteria, read from the feature files alone: what a run leaves out does not vanish."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gherkin.errors import CompositeParserException, ParserError
from gherkin.parser import Parser

DISRUPTIVE = "disruptive"
AFTER_REBOOT = "after-reboot"
STARTS_EARLY = "starts-early"
CALM = f"not {DISRUPTIVE}"  # as pytest chooses by tags
TAGS = {  # tag of a scenario: meaning
    DISRUPTIVE: "changes or breaks the host; runs last, and only in a lab",
    AFTER_REBOOT: "looks at the host after a reboot that one run makes once for all such scenarios",
    STARTS_EARLY: "waits for work that takes long and therefore starts before the first scenario",
}
TASK_FILE = re.compile(r"^task_(\d+(?:\.\d+)+)$")
WHOLE_HOST = "whole-host"  # stands where a task's id stands; whole_host.feature belongs to no task of the tracker


def stem(task: str) -> str:
    """How the files of a task, or of the whole host, are called."""
    return task.replace("-", "_") if task == WHOLE_HOST else f"task_{task}"


class FeatureSyntaxError(Exception):
    """A feature file that cannot be read.

    Args:
        path: the file.
        line: where, counted from 1.
        message: what the parser says.
    """

    def __init__(self, path: Path, line: int, message: str) -> None:
        super().__init__(f"{path}:{line}: {message}")
        self.path = path
        self.line = line
        self.message = message


@dataclass(frozen=True)
class Step:
    """One sentence of a scenario, as written in the file."""

    keyword: str
    text: str
    line: int


@dataclass(frozen=True)
class Scenario:
    """A scenario with the background steps that precede it; `rows` are its examples, one without values if it has none.

    A row holds column and value, column by column.
    """

    name: str
    line: int
    tags: frozenset[str]
    steps: tuple[Step, ...]
    rows: tuple[tuple[tuple[str, str], ...], ...]

    @property
    def cases(self) -> int:
        """Number of tests made from it."""
        return len(self.rows)

    @property
    def disruptive(self) -> bool:
        """Whether it changes or breaks the host."""
        return DISRUPTIVE in self.tags


@dataclass(frozen=True)
class Rule:
    """A criterion: one sentence that its scenarios prove."""

    name: str
    line: int
    scenarios: tuple[Scenario, ...]


@dataclass(frozen=True)
class Feature:
    """One task of the tracker, or the whole host. `loose` are scenarios outside every Rule."""

    path: Path
    name: str
    line: int
    tags: frozenset[str]
    rules: tuple[Rule, ...]
    loose: tuple[Scenario, ...]
    description: str = ""

    @property
    def task(self) -> str:
        """Task id from the file's name, such as 1.3.4; the stem if the name is no task's."""
        match = TASK_FILE.match(self.path.stem)
        return match.group(1) if match else self.path.stem.replace("_", "-")

    @property
    def title(self) -> str:
        """The feature's name without the task id it begins with."""
        return self.name.removeprefix(self.task).strip(" :")

    def scenarios(self) -> Iterable[tuple[Rule | None, Scenario]]:
        """Every scenario with its criterion, in the order of the file."""
        for scenario in self.loose:
            yield None, scenario
        for rule in self.rules:
            for scenario in rule.scenarios:
                yield rule, scenario


def _tags(node: Mapping[str, Any]) -> frozenset[str]:
    return frozenset(tag["name"].removeprefix("@") for tag in node.get("tags", []))


def _steps(node: Mapping[str, Any]) -> tuple[Step, ...]:
    return tuple(Step(step["keyword"].strip(), step["text"], step["location"]["line"]) for step in node["steps"])


def _scenario(node: Mapping[str, Any], background: tuple[Step, ...], tags: frozenset[str]) -> Scenario:
    return Scenario(
        name=node["name"],
        line=node["location"]["line"],
        tags=tags | _tags(node),
        steps=background + _steps(node),
        rows=tuple(_rows(node)) or ((),),
    )


def _rows(node: Mapping[str, Any]) -> Iterator[tuple[tuple[str, str], ...]]:
    for table in node.get("examples", []):
        columns = [cell["value"] for cell in table.get("tableHeader", {}).get("cells", [])]
        for row in table.get("tableBody", []):
            yield tuple(zip(columns, (cell["value"] for cell in row["cells"]), strict=True))


def _children(
    children: Sequence[Mapping[str, Any]], background: tuple[Step, ...], tags: frozenset[str]
) -> tuple[tuple[Step, ...], tuple[Scenario, ...]]:
    scenarios = []
    for child in children:
        if "background" in child:
            background += _steps(child["background"])
        elif "scenario" in child:
            scenarios.append(_scenario(child["scenario"], background, tags))
    return background, tuple(scenarios)


def parse(text: str, path: Path) -> Feature:
    """The feature in a file's text. Raises FeatureSyntaxError."""
    try:
        document: Mapping[str, Any] = Parser().parse(text)
    except CompositeParserException as error:
        first = error.errors[0]
        raise FeatureSyntaxError(path, first.location["line"], str(first)) from error
    except ParserError as error:
        raise FeatureSyntaxError(path, 1, str(error)) from error
    node = document.get("feature")
    if not node:
        raise FeatureSyntaxError(path, 1, "the file holds no Feature")
    tags = _tags(node)
    background, loose = _children(node["children"], (), tags)
    rules = []
    for child in node["children"]:
        if "rule" in child:
            rule = child["rule"]
            _, scenarios = _children(rule["children"], background, tags | _tags(rule))
            rules.append(Rule(rule["name"], rule["location"]["line"], scenarios))
    description = " ".join(node.get("description", "").split())
    return Feature(path, node["name"], node["location"]["line"], tags, tuple(rules), loose, description)


def read(path: Path) -> Feature:
    """The feature in a file. Raises FeatureSyntaxError."""
    return parse(path.read_text(encoding="utf-8"), path)


def _task_order(path: Path) -> list[tuple[int, str]]:
    return [(int(part), "") if part.isdigit() else (0, part) for part in re.split(r"[._]", path.stem)]


def files(folder: Path) -> list[Path]:
    """Feature files of a folder, in the order of their task ids."""
    return sorted(folder.glob("*.feature"), key=_task_order)


def read_all(folder: Path) -> list[Feature]:
    """Every feature of a folder, in the order of their task ids. Raises FeatureSyntaxError."""
    return [read(path) for path in files(folder)]
