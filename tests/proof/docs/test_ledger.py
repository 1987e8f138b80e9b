"""The ledger in git: a fresh clone knows what was proved."""

import json
import shutil
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest

from proof.docs import build, ledger
from proof.docs.evidence import Evidence
from proof.docs.ledger import FOLDER
from proof.docs.model import Document
from proof.docs.states import Standing
from proof.evidence.sabotage_results import Result
from proof.whole_host.reference import Change
from tests.proof.docs.world import NOW, World


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World.make(tmp_path)


def keep(world: World) -> Document:
    """Compute the documentation, and write the ledger."""
    sources = world.sources()
    document = world.document()
    ledger.write(world.root / FOLDER, build.entries(sources, document), sources.sabotages)
    return document


def clone(world: World) -> Document:
    """The documentation of a checkout that has what git has."""
    shutil.rmtree(world.root / "build")
    return world.document()


def standings(document: Document) -> list[Standing]:
    criteria = [criterion for task in document.tasks for criterion in task.criteria]
    views = [criterion.standings for criterion in criteria]
    views += [scenario.standings for criterion in criteria for scenario in criterion.scenarios]
    return [standings[target] for standings in views for target in document.targets]


def told(standing: Standing) -> tuple[object, ...]:
    return standing.state, standing.since, standing.at, standing.run, standing.seconds


def test_a_fresh_clone_shows_what_was_proved(world: World) -> None:
    world.run(age=timedelta(days=2))
    world.run(A="failed")
    before, after = keep(world), clone(world)
    assert [told(one) for one in standings(after)] == [told(one) for one in standings(before)]
    assert "verified" in {one.state for one in standings(after)}
    assert after.mismatches == ()


def test_what_is_proved_since_another_run_stays_so(world: World) -> None:
    world.run(age=timedelta(days=3))
    world.run(age=timedelta(days=2))
    keep(world)
    clone(world)
    world.run()
    since = {one.since for one in standings(world.document()) if one.state == "verified"}
    assert since == {(NOW - timedelta(days=3)).isoformat(timespec="milliseconds").replace("+00:00", "Z")}


def test_a_change_makes_what_the_ledger_tells_stale(world: World) -> None:
    world.run()
    keep(world)
    (world.root / "provision/task_1.2.1.yml").write_text("--- # changed\n")
    assert {one.state for one in standings(clone(world)) if one.run} == {"stale"}


def test_evidence_that_is_elsewhere_is_told_by_its_hash(world: World) -> None:
    world.run()
    digest = {one.evidence["lab"].whole.sha256 for one in keep(world).tasks[0].criteria[0].scenarios}
    reasons = {one.standings["lab"].reason.split()[-1] for one in clone(world).tasks[0].criteria[0].scenarios}
    assert reasons == digest


def test_a_ledger_without_the_hash_of_its_evidence_proves_nothing(world: World) -> None:
    world.run()
    keep(world)
    path = world.root / FOLDER / "lab.jsonl"
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    path.write_text("".join(json.dumps({**line, "evidence": ""}) + "\n" for line in lines))
    assert {one.state for one in standings(clone(world)) if one.run} == {"stale"}


def test_branches_merge_by_keeping_the_lines_of_both(world: World) -> None:
    folder = world.root / FOLDER
    world.run(age=timedelta(days=2), A="failed")
    keep(world)
    ours = {path.name: path.read_text() for path in folder.iterdir()}
    clone(world)
    shutil.rmtree(folder)
    newer = world.run()
    keep(world)
    for name, text in ours.items():
        path = folder / name
        path.write_text(text + path.read_text())
    merged = clone(world)
    assert {(one.state, one.run) for one in standings(merged) if one.run} == {("verified", newer.id)}
    keep(world)
    assert "failed" not in (folder / "lab.jsonl").read_text(), "what is no longer the newest goes"


def test_a_line_that_no_one_can_read_is_named_and_the_others_count(world: World) -> None:
    world.run()
    keep(world)
    path = world.root / FOLDER / "lab.jsonl"
    path.write_text("<<<<<<< ours\n" + path.read_text() + '{"id": "x", "run": "unknown"}\n')
    document = clone(world)
    assert [line.partition(" ")[0] for line in document.damaged] == [
        "docs/ledger/lab.jsonl:1:",
        "docs/ledger/lab.jsonl:6:",
    ]
    assert "verified" in {one.state for one in standings(document)}


def test_writing_it_again_changes_nothing_and_names_no_machine(world: World) -> None:
    world.run(provenance={"from": "a-secret-name"})
    keep(world)
    before = {path: path.read_text() for path in (world.root / FOLDER).iterdir()}
    clone(world)
    keep(world)
    assert {path: path.read_text() for path in (world.root / FOLDER).iterdir()} == before
    assert not [path for path, text in before.items() if "a-secret-name" in text]


def test_the_newest_result_of_a_sabotage_counts_wherever_it_is(world: World) -> None:
    old = Result("1.2.1", "Others do not", "a fault", "survived", "", 1.0, "2026-11-01T00:00:00Z", "x")
    ledger.write(world.root / FOLDER, [], [old])
    assert ledger.read(world.root / FOLDER).sabotages == (old,)
    assert list(world.sources().sabotages) == [old]


@pytest.mark.parametrize("same", [True, False])
def test_a_clone_knows_which_other_provisioning_makes_the_same_host(world: World, same: bool) -> None:
    """Which it cannot find out by itself: the references are where they were taken."""
    world.run()
    (world.root / "provision/task_1.2.1.yml").write_text("---\n# another word\n")
    sources = world.sources(host_changed=lambda _: Change() if same else Change(("files: /etc/motd",), None))
    document = build.document(sources, Evidence(world.root / "site"))
    write = partial(build.hosts, sources)
    ledger.write(world.root / FOLDER, build.entries(sources, document), sources.sabotages, write)
    states = {standing.state for standing in standings(clone(world))}
    assert ("verified" in states, "stale" in states) == (same, not same)
    text = (world.root / FOLDER / ledger.HOSTS).read_text()
    assert text.count("made_by") == (1 if same else 0)
