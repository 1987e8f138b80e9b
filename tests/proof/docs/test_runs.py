import fcntl
import shutil
from datetime import timedelta
from pathlib import Path

import pytest

from lab import locks
from proof.docs import runs
from tests.proof.docs.world import World


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World.make(tmp_path)


def test_a_killed_run_is_interrupted_and_what_it_proved_counts(world: World) -> None:
    world.run(finished=False, A="not run")
    document = world.document()
    assert document.runs[0].state == "interrupted"
    assert document.tasks[0].criteria[0].scenarios[1].standings["lab"].state == "verified"
    assert '<span class="interrupted">interrupted' in (world.site() / "runs.html").read_text()


def test_a_run_under_way_is_not_interrupted(world: World) -> None:
    run = world.run(finished=False)
    with locks.hold(world.root / "build/runs" / run.id, fcntl.LOCK_EX):
        assert world.document().runs[0].state == "running"
    assert world.document().runs[0].state == "interrupted"


@pytest.mark.parametrize("damage", ["", "{", '{"schema": 99}', '{"schema": 1, "scenarios": [{}]}', "[]", "\x00"])
def test_a_damaged_record_is_named_and_skipped(world: World, damage: str) -> None:
    world.run()
    broken = world.root / "build/runs/20261119T000000Z-lab-bad/run.json"
    broken.parent.mkdir()
    broken.write_text(damage)
    document = world.document()
    assert document.tasks[0].standings["lab"].state == "verified"
    (said,) = document.damaged
    assert said.startswith("20261119T000000Z-lab-bad: ")
    assert "20261119T000000Z-lab-bad" in (world.site() / "runs.html").read_text()


def test_a_record_that_is_damaged_later_counts_no_more(world: World) -> None:
    run = world.run()
    assert world.document().tasks[0].standings["lab"].state == "verified"
    (world.root / "build/runs" / run.id / "run.json").write_text("{")
    assert world.document().tasks[0].standings["lab"].state == "not run"


def test_a_folder_without_a_record_is_named(world: World) -> None:
    (world.root / "build/runs/20261119T000000Z-lab-bad").mkdir(parents=True)
    assert world.document().damaged == ("20261119T000000Z-lab-bad: it has no record",)


def test_a_damaged_digest_is_made_again(world: World) -> None:
    run = world.run()
    before = world.document()
    (world.root / "build/history" / f"{run.id}.json").write_text("{")
    assert world.document().runs == before.runs


def test_the_history_outlives_its_runs_but_proves_nothing_any_more(world: World) -> None:
    first = world.run(age=timedelta(hours=3))
    second = world.run(age=timedelta(hours=2))
    world.document()
    shutil.rmtree(world.root / "build/runs" / first.id)
    criterion = world.document().tasks[0].criteria[0]
    assert (criterion.standings["lab"].state, criterion.standings["lab"].since) == ("verified", first.started)
    shutil.rmtree(world.root / "build/runs" / second.id)
    standing = world.document().tasks[0].criteria[0].standings["lab"]
    assert (standing.state, standing.reason) == ("stale", "its evidence is no longer there")


def test_runs_of_several_machines_are_merged_each_once(world: World) -> None:
    world.run(only="A ")
    world.run(only="joins", builds="elsewhere")
    assert world.document().tasks[0].standings["lab"].state == "not run"
    assert world.document("build", "elsewhere").tasks[0].standings["lab"].state == "verified"
    assert len(world.document("build", "elsewhere", "elsewhere").runs) == 2


def test_a_record_is_read_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.run()
    before = runs.read([world.root / "build"])

    def refuse(*_: object) -> None:
        raise AssertionError

    monkeypatch.setattr(runs, "_found", refuse)
    assert runs.read([world.root / "build"]) == before
