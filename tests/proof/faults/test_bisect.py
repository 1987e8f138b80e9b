"""The search for the task that broke a criterion."""

import math

import pytest

from lab import stages
from lab.errors import UsageError
from lab.paths import ROOT
from proof.faults import bisect
from proof.gherkin import feature_files

TASKS = stages.tasks()


@pytest.mark.parametrize("place", range(len(TASKS)))
def test_wherever_the_fault_came_in_it_is_found_in_five_questions(place: int) -> None:
    asked = []

    def is_red(task: str) -> bool:
        asked.append(task)
        return TASKS.index(task) >= place

    assert bisect.first_red(TASKS, is_red) == TASKS[place]
    assert len(asked) <= math.ceil(math.log2(20))


def test_what_is_never_red_is_found_nowhere() -> None:
    assert bisect.first_red(TASKS, lambda _: False) is None
    assert bisect.first_red(["2.1.4"], lambda _: True) == "2.1.4"


def test_a_criterion_is_named_by_a_part_of_its_sentence() -> None:
    features = feature_files.read_all(ROOT / "features")
    feature, rule = bisect.named(features, "its image is pinned")
    assert (feature.task, rule.name.split(",")[0]) == ("2.1.1", "Its image is pinned")
    for text in ("no such words", "the"):
        with pytest.raises(UsageError):
            bisect.named(features, text)
