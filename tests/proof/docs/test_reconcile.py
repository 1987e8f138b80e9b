from pathlib import Path

import pytest

from tests.proof.docs.world import PLAN, World


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World.make(tmp_path)


def mismatches(world: World) -> list[str]:
    return list(world.published().mismatches)


def test_what_counts_the_same_is_not_told(world: World) -> None:
    world.run()
    world.run(only="A ")
    assert mismatches(world) == []


def test_a_task_that_the_plan_lacks(world: World) -> None:
    (world.root / "features/tracker.yml").write_text(PLAN.replace("id: 1.2.1", "id: 1.2.9"))
    assert mismatches(world) == ["the plan lacks 1.2.1, which has a feature"]


def test_a_task_that_the_plan_names_twice(world: World) -> None:
    (world.root / "features/tracker.yml").write_text(PLAN.replace("id: 1.2.2", "id: 1.2.1"))
    assert mismatches(world) == ["the plan names 1.2.1 2 times"]


def test_a_target_without_a_limit(world: World) -> None:
    (world.root / "features/tracker.yml").write_text(PLAN.replace(", vultr: 30", ""))
    assert mismatches(world) == ["the plan does not say how long evidence of vultr counts"]


def test_a_waiver_of_something_that_is_not_there(world: World) -> None:
    waiver = "{task: 1.2.1, rule: Ghosts do not, target: lab, author: ann, reason: later, expires: 2026-12-01}"
    (world.root / "features/tracker.yml").write_text(PLAN.replace("waivers: []", f"waivers:\n  - {waiver}"))
    assert mismatches(world) == ["a waiver is of 1.2.1 'Ghosts do not' on lab, which is not there"]


def test_a_scenario_of_a_run_that_the_features_do_not_have(world: World) -> None:
    run = world.run()
    path = world.root / "build/runs" / run.id / "run.json"
    path.write_text(path.read_text().replace("a-stranger-asks", "a-ghost-asks"))
    assert mismatches(world) == [f"{run.id} ran 1.2.1/a-ghost-asks, which is not shown"]


def test_a_run_that_counted_otherwise(world: World) -> None:
    run = world.run()
    path = world.root / "build/runs" / run.id / "run.json"
    path.write_text(path.read_text().replace('"cases": 3', '"cases": 4'))
    assert mismatches(world) == [f"{run.id} counted 5 scenarios of 1.2.1, its feature has 4"]


def test_two_scenarios_that_would_share_a_place(world: World) -> None:
    path = world.root / "features/task_1.2.1.feature"
    path.write_text(path.read_text().replace("Scenario: A stranger asks", "Scenario: A member asks!"))
    assert mismatches(world) == ["1.2.1 has 4 scenarios in its feature, and 3 of them are shown"]
