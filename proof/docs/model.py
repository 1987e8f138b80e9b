"""The document: everything that site, tracker and exports show, as plain values. Its JSON is the one source of all."""

import dataclasses
from dataclasses import dataclass
from typing import Any

from proof.docs.states import Standing, State

SCHEMA = 1


@dataclass(frozen=True)
class Mark:
    """One run in the history of a criterion: when, which, and how its scenarios ended there."""

    run: str
    at: str
    state: str


@dataclass(frozen=True)
class Trust:
    """What sabotages say of a criterion; `at` is when the first of the caught ones was tried, empty if none was."""

    sabotages: int
    caught: int
    survived: int
    at: str

    @property
    def sentence(self) -> str:
        """For a reader who wants to know whether a green line means something."""
        if not self.sabotages:
            return "there is no sabotage of it"
        if not self.caught:
            return "no sabotage has ever turned it red"
        rest = f", {self.survived} not noticed" if self.survived else ""
        return f"noticed {self.caught} of {self.sabotages} sabotages{rest}, all since {self.at[:10]}"


@dataclass(frozen=True)
class ScenarioView:
    """One case of a scenario, with its standing by target."""

    id: str
    name: str
    disruptive: bool
    file: str
    line: int
    steps: tuple[str, ...]
    standings: dict[str, Standing]


@dataclass(frozen=True)
class CriterionView:
    """A Rule; `history` by target, newest first."""

    name: str
    line: int
    scenarios: tuple[ScenarioView, ...]
    standings: dict[str, Standing]
    history: dict[str, tuple[Mark, ...]]
    trust: Trust


@dataclass(frozen=True)
class TaskView:
    """A task of the plan; without a feature it has no criteria, and nothing of it is proved."""

    id: str
    title: str
    promise: str
    estimate: str
    depends_on: tuple[str, ...]
    automation: tuple[str, ...]
    feature: str
    description: str
    criteria: tuple[CriterionView, ...]
    standings: dict[str, Standing]

    def count(self, target: str, state: State = "verified") -> int:
        """How many criteria are in a state on a target."""
        return sum(criterion.standings[target].state == state for criterion in self.criteria)

    def expected(self, target: str) -> int:
        """How many criteria can be proved on a target: those beyond it are a lab's."""
        return sum(not criterion.standings[target].beyond for criterion in self.criteria)


@dataclass(frozen=True)
class GroupView:
    """Tasks that belong together."""

    id: str
    title: str
    tasks: tuple[TaskView, ...]


@dataclass(frozen=True)
class MilestoneView:
    """Groups that are done together."""

    id: str
    title: str
    groups: tuple[GroupView, ...]

    @property
    def tasks(self) -> tuple[TaskView, ...]:
        """Every task of it."""
        return tuple(task for group in self.groups for task in group.tasks)


@dataclass(frozen=True)
class RunView:
    """A run in the list of runs."""

    id: str
    target: str
    state: str
    started: str
    seconds: float
    passed: int
    failed: int
    other: int
    lab_error: str
    command: str
    provenance: dict[str, Any]


@dataclass(frozen=True)
class Document:
    """All of it. `schema` changes when a reader would have to; `made` is UTC; `damaged` are records nobody can read."""

    schema: int
    made: str
    targets: tuple[str, ...]
    fresh_days: dict[str, int]
    provenance: dict[str, Any]
    milestones: tuple[MilestoneView, ...]
    runs: tuple[RunView, ...]
    damaged: tuple[str, ...]

    @property
    def tasks(self) -> tuple[TaskView, ...]:
        """Every task of the plan, in its order."""
        return tuple(task for milestone in self.milestones for task in milestone.tasks)

    def count(self, target: str, state: State) -> int:
        """How many criteria of all tasks are in a state on a target."""
        return sum(task.count(target, state) for task in self.tasks)

    @property
    def criteria(self) -> int:
        """How many criteria there are."""
        return sum(len(task.criteria) for task in self.tasks)

    @property
    def red(self) -> tuple[tuple[TaskView, CriterionView, str], ...]:
        """What has failed or cannot be proved, with its target."""
        return tuple(
            (task, criterion, target)
            for task in self.tasks
            for criterion in task.criteria
            for target, standing in criterion.standings.items()
            if standing.state in ("failed", "undefined")
        )

    def as_json(self) -> dict[str, Any]:
        """The document as values of JSON."""
        return dataclasses.asdict(self)
