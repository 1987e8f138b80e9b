"""The operator's plan in features/tracker.yml: milestones, groups, tasks and waivers."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import yaml

from lab.errors import UsageError

FILE = "tracker.yml"


@dataclass(frozen=True)
class PlannedTask:
    """A task in the operator's words; `automation` are files of terraform/ or provision/."""

    id: str
    title: str
    estimate: str
    depends_on: tuple[str, ...]
    automation: tuple[str, ...]


@dataclass(frozen=True)
class Group:
    """Tasks that belong together."""

    id: str
    title: str
    tasks: tuple[PlannedTask, ...]


@dataclass(frozen=True)
class Milestone:
    """Groups that are done together."""

    id: str
    title: str
    groups: tuple[Group, ...]


@dataclass(frozen=True)
class Waiver:
    """A criterion of a target that someone leaves open, with a reason, until a day; from then on it has failed."""

    task: str
    rule: str
    target: str
    author: str
    reason: str
    expires: date


@dataclass(frozen=True)
class Plan:
    """The whole tracker; `fresh_days` is the maximum age of evidence by target, in days; None: any."""

    milestones: tuple[Milestone, ...]
    fresh_days: Mapping[str, int | None]
    waivers: tuple[Waiver, ...]

    def tasks(self) -> Iterator[PlannedTask]:
        """Every task, in the plan's order."""
        for milestone in self.milestones:
            for group in milestone.groups:
                yield from group.tasks


def read(path: Path) -> Plan:
    """The plan in a file. Raises UsageError that names what is wrong in it."""
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
        plan = Plan(
            tuple(_milestone(entry) for entry in data["milestones"]),
            {str(name): None if days is None else int(days) for name, days in data["fresh_days"].items()},
            tuple(Waiver(**{**entry, "task": str(entry["task"])}) for entry in data.get("waivers") or ()),
        )
    except (OSError, yaml.YAMLError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise UsageError(f"{path} is no plan: {type(error).__name__}: {error}") from error
    for waiver in plan.waivers:
        texts = (waiver.rule, waiver.target, waiver.author, waiver.reason)
        if not isinstance(waiver.expires, date) or not all(isinstance(text, str) and text for text in texts):
            raise UsageError(
                f"{path}: the waiver of {waiver.task} {waiver.rule!r} needs rule, target, author, reason and expires."
            )
    return plan


def _milestone(entry: Mapping[str, Any]) -> Milestone:
    return Milestone(str(entry["id"]), str(entry["title"]), tuple(_group(group) for group in entry["groups"]))


def _group(entry: Mapping[str, Any]) -> Group:
    return Group(str(entry["id"]), str(entry["title"]), tuple(_task(task) for task in entry["tasks"]))


def _task(entry: Mapping[str, Any]) -> PlannedTask:
    names = {name: tuple(map(str, entry.get(name) or ())) for name in ("depends_on", "automation")}
    return PlannedTask(str(entry["id"]), str(entry["title"]), str(entry["estimate"]), **names)
