"""What of the documentation is in git, compared with what the tree gives."""

from collections.abc import Callable
from pathlib import Path

import pytest

from proof.docs import __main__ as docs
from proof.docs import pictures
from proof.docs.ledger import FOLDER
from tests.proof.docs.world import World


@pytest.fixture
def world(tmp_path: Path) -> World:
    """A checkout whose documentation was computed after its only run."""
    world = World.make(tmp_path)
    run = world.run()
    docs.keep(world.sources(), world.document(), world.root / "docs")
    (world.root / "docs" / pictures.TABLE).write_text(pictures.run_table(run))
    return world


def outdated(world: World) -> list[str]:
    return list(docs.outdated(world.sources(), world.document(), world.root / "docs"))


def test_what_was_computed_from_this_tree_stands(world: World) -> None:
    assert outdated(world) == []


CHANGES: list[tuple[Callable[[World], object], list[str]]] = [
    (lambda world: (world.root / "sql/00.sql").write_text("SELECT 1;"), ["docs/TRACKER.md", "docs/badge.svg"]),
    (lambda world: (world.root / "docs/TRACKER.md").write_text("All is well.\n"), ["docs/TRACKER.md"]),
    (lambda world: (world.root / "docs/badge.svg").unlink(), ["docs/badge.svg"]),
    (lambda world: (world.root / "docs" / pictures.TABLE).unlink(), ["docs/run.svg"]),
    (lambda world: world.run(A="failed"), ["docs/TRACKER.md", "docs/badge.svg", f"{FOLDER}/lab.jsonl"]),
]


@pytest.mark.parametrize(("change", "told"), CHANGES)
def test_what_is_of_another_tree_is_named(world: World, change: Callable[[World], object], told: list[str]) -> None:
    change(world)
    assert {line.partition(" ")[0] for line in outdated(world)} >= set(told)


def test_the_badge_counts_the_criteria_of_each_target(world: World) -> None:
    badge = (world.root / "docs/badge.svg").read_text()
    assert "<title>criteria proved: lab 2/3 · vultr 0/3</title>" in badge
    assert "https://" not in badge
