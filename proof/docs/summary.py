"""The summary for a quick reader: is everything proved, what is not, and why."""

from collections.abc import Iterator
from dataclasses import dataclass

from proof.docs.model import CriterionView, Document, EvidenceView, TaskView
from proof.docs.states import WORST_FIRST, State


@dataclass(frozen=True)
class OpenCriteria:
    """Criteria of one task that share a state and its reason; `whole` where these are all that can be proved."""

    task: TaskView
    criteria: tuple[CriterionView, ...]
    whole: bool


@dataclass(frozen=True)
class OpenPoint:
    """One reason why criteria are not verified on a target, with the failures that it stands for."""

    state: State
    reason: str
    where: tuple[OpenCriteria, ...]
    failures: tuple[EvidenceView, ...]

    @property
    def count(self) -> int:
        """How many criteria it concerns; a task without a feature counts as one."""
        return sum(len(one.criteria) or 1 for one in self.where)


def open_points(document: Document, target: str) -> list[OpenPoint]:
    """Everything that is not verified on a target and could be, the worst first."""
    grouped: dict[tuple[State, str], list[tuple[TaskView, CriterionView | None]]] = {}
    for task, criterion in _open(document, target):
        standing = (criterion or task).standings[target]
        grouped.setdefault((standing.state, standing.reason), []).append((task, criterion))
    points = [
        OpenPoint(state, reason, tuple(_by_task(found, target)), tuple(_failures(found, target)))
        for (state, reason), found in grouped.items()
    ]
    return sorted(points, key=lambda point: WORST_FIRST.index(point.state))


def _open(document: Document, target: str) -> Iterator[tuple[TaskView, CriterionView | None]]:
    for task in document.tasks:
        if not task.criteria:
            yield task, None
        for criterion in task.criteria:
            standing = criterion.standings[target]
            if standing.state != "verified" and not standing.beyond:
                yield task, criterion


def _by_task(found: list[tuple[TaskView, CriterionView | None]], target: str) -> Iterator[OpenCriteria]:
    tasks = {task.id: task for task, _ in found}
    for task in tasks.values():
        own = tuple(criterion for of, criterion in found if of is task and criterion is not None)
        yield OpenCriteria(task, own, whole=len(own) == task.expected(target))


def _failures(found: list[tuple[TaskView, CriterionView | None]], target: str) -> Iterator[EvidenceView]:
    for _, criterion in found:
        for scenario in criterion.scenarios if criterion else ():
            evidence = scenario.evidence.get(target)
            if evidence is not None and evidence.failure is not None:
                yield evidence
