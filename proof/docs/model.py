"""The document: everything that site, tracker and exports show, as plain values."""

import math
from dataclasses import dataclass
from typing import Any

from proof.docs.diagram import Drawing
from proof.docs.states import STATES, Standing, State
from proof.gherkin.feature_files import WHOLE_HOST
from proof.whole_host.journal import Entry

SCHEMA = 1


@dataclass(frozen=True)
class FileView:
    """A file beside the pages: its path from the site's root, its SHA-256 and its size in bytes."""

    path: str
    sha256: str
    size: int


@dataclass(frozen=True)
class AskedView:
    """A command with what came back, or a note, which has no place; `files` hold what is too long for `output`."""

    place: str
    text: str
    exit_status: int | None
    stdout: str
    stderr: str
    seconds: float
    files: tuple[FileView, ...]


@dataclass(frozen=True)
class StepView:
    """A sentence as it was run, with its evidence."""

    keyword: str
    text: str
    state: str
    seconds: float
    asked: tuple[AskedView, ...]


@dataclass(frozen=True)
class FailureView:
    """Why it failed: what was said, where in the steps, the journal of that moment, and what was seen out of band."""

    kind: str
    message: str
    where: str
    traceback: str
    journal: tuple[str, ...]
    seen: tuple[AskedView, ...]


@dataclass(frozen=True)
class EvidenceView:
    """What the newest run that tells of a scenario saw. `whole` holds all of it as JSON; `again` runs it once more."""

    run: str
    again: str
    whole: FileView
    steps: tuple[StepView, ...]
    failure: FailureView | None


@dataclass(frozen=True)
class Mark:
    """One run in the history of a criterion: when, which, and how its scenarios ended there."""

    run: str
    at: str
    state: str


@dataclass(frozen=True)
class Trust:
    """What sabotages say of a criterion; `at` is when the one that was tried longest ago was tried, empty if none."""

    sabotages: int
    caught: int
    survived: int
    at: str

    @property
    def sentence(self) -> str:
        """For a reader who wants to know whether a green line means something."""
        if not self.sabotages:
            return "it has no sabotage"
        if not self.caught and not self.survived:
            return "no sabotage run recorded here"
        if not self.caught:
            return f"no sabotage turned it red{self.rest}"
        return f"caught {self.caught} of {self.sabotages} sabotages{self.rest}, last run {self.at[:10]}"

    @property
    def rest(self) -> str:
        """What became of those that were not caught, as the end of a phrase."""
        untried = self.sabotages - self.caught - self.survived
        parts = [f"{self.survived} went unnoticed"] if self.survived else []
        return "".join(f", {part}" for part in (*parts, *([f"{untried} not tried"] if untried else [])))


@dataclass(frozen=True)
class Unsteady:
    """How often a scenario failed and passed in runs that were made from the very same content; both happened."""

    failed: int
    passed: int

    @property
    def at_most(self) -> float:
        """Upper bound of the rate of failures, 95 % confident (Wilson's score interval)."""
        number, rate, z = self.failed + self.passed, self.failed / (self.failed + self.passed), 1.645
        spread = math.sqrt(rate * (1 - rate) / number + z * z / (4 * number * number))
        return (rate + z * z / (2 * number) + z * spread) / (1 + z * z / number)

    @property
    def sentence(self) -> str:
        """For a reader who wants to know how much one result means."""
        return (
            f"failed in {self.failed} of {self.failed + self.passed} runs of the same content: "
            f"at most {self.at_most:.0%} of the time"
        )


@dataclass(frozen=True)
class ScenarioView:
    """One case of a scenario as the feature has it today, with standing and evidence by target.

    `unsteady` is by target, where it gave both results.
    """

    id: str
    anchor: str
    name: str
    disruptive: bool
    line: int
    steps: tuple[str, ...]
    standings: dict[str, Standing]
    evidence: dict[str, EvidenceView]
    unsteady: dict[str, Unsteady]


@dataclass(frozen=True)
class WaiverView:
    """Who leaves a criterion of a target open, why, and from which day on it counts as failed."""

    target: str
    author: str
    reason: str
    expires: str
    expired: bool


@dataclass(frozen=True)
class CriterionView:
    """A Rule; `history` by target, newest first."""

    anchor: str
    name: str
    line: int
    scenarios: tuple[ScenarioView, ...]
    standings: dict[str, Standing]
    history: dict[str, tuple[Mark, ...]]
    trust: Trust
    waivers: tuple[WaiverView, ...]


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

    @property
    def planned(self) -> bool:
        """Whether it is a task of the tracker; the whole host is none."""
        return self.id != WHOLE_HOST

    def count(self, target: str, state: State = "verified") -> int:
        """How many criteria are in a state on a target."""
        return sum(criterion.standings[target].state == state for criterion in self.criteria)

    def skipped(self, target: str) -> int:
        """How many criteria were skipped in their most recent run on a target."""
        return sum(criterion.standings[target].skipped for criterion in self.criteria)

    def tally(self, target: str) -> str:
        """How many criteria of those that can be proved on a target are verified, and how many were skipped."""
        skipped = self.skipped(target)
        return f"{self.count(target)} of {self.expected(target)} criteria" + (f", {skipped} skipped" if skipped else "")

    def label(self, target: str) -> str:
        """The state on a target in words: a task is in part verified if its other criteria were skipped or not run."""
        state = self.standings[target].state
        return "partly verified" if state == "not run" and self.count(target) else state

    def expected(self, target: str) -> int:
        """How many criteria can be proved on a target; the others would break it."""
        return sum(not criterion.standings[target].beyond for criterion in self.criteria)


@dataclass(frozen=True)
class GroupView:
    """Tasks that belong together."""

    id: str
    title: str
    tasks: tuple[TaskView, ...]

    @property
    def heading(self) -> str:
        """Its number and title; what is beyond the tracker has no number."""
        return self.title if self.id == WHOLE_HOST else f"Task Group {self.id}: {self.title}"


@dataclass(frozen=True)
class MilestoneView:
    """Groups that are done together."""

    id: str
    title: str
    groups: tuple[GroupView, ...]

    @property
    def heading(self) -> str:
        """Its number and title; what is beyond the tracker has no number."""
        return self.title if self.id == WHOLE_HOST else f"Milestone {self.id}: {self.title}"

    @property
    def tasks(self) -> tuple[TaskView, ...]:
        """Every task of it."""
        return tuple(task for group in self.groups for task in group.tasks)


@dataclass(frozen=True)
class RunView:
    """A run in the list of runs; `counts` says whether it proves anything, `signed` by whom its results are signed."""

    id: str
    target: str
    state: str
    started: str
    seconds: float
    passed: int
    failed: int
    other: int
    counts: bool
    lab_error: str
    command: str
    signed: str
    provenance: dict[str, Any]


@dataclass(frozen=True)
class FaultView:
    """A sabotage: what it was tried on, how that ended, and all criteria that noticed it; None if they were not asked.

    `outcome` is empty if it was not tried as it is now.
    """

    task: str
    rule: str
    name: str
    outcome: str
    detail: str
    at: str
    red: tuple[str, ...] | None


@dataclass(frozen=True)
class Document:
    """All of it. `schema` changes when a reader would have to; `made` is UTC; `damaged` are records no one can read.

    `drift` is what hosts gained and lost between looks, the newest first.

    `mismatches` tell where features, plan, runs and this document do not count the same; none is expected.
    """

    schema: int
    made: str
    targets: tuple[str, ...]
    fresh_days: dict[str, int | None]
    provenance: dict[str, Any]
    milestones: tuple[MilestoneView, ...]
    runs: tuple[RunView, ...]
    faults: tuple[FaultView, ...]
    drift: tuple[Entry, ...]
    drawing: Drawing
    damaged: tuple[str, ...]
    mismatches: tuple[str, ...] = ()

    @property
    def tasks(self) -> tuple[TaskView, ...]:
        """Every task of the plan, in its order."""
        return tuple(task for milestone in self.milestones for task in milestone.tasks)

    @property
    def planned(self) -> tuple[TaskView, ...]:
        """The tasks of the tracker alone."""
        return tuple(task for task in self.tasks if task.planned)

    def tally(self, target: str) -> dict[State, int]:
        """Criteria that can be proved on a target, by state; a task without a feature counts as one undefined."""
        counted: dict[State, int] = dict.fromkeys(STATES, 0)
        for task in self.tasks:
            if not task.criteria:
                counted["undefined"] += 1
            for criterion in task.criteria:
                if not criterion.standings[target].beyond:
                    counted[criterion.standings[target].state] += 1
        return counted

    def last_run(self, target: str) -> RunView | None:
        """The newest run against a target that proves something."""
        return next((run for run in self.runs if run.target == target and run.counts), None)
