"""What the page of faults says of criteria."""

from pathlib import Path

import pytest

from proof.docs import ledger, trust
from proof.docs.model import FaultView
from proof.evidence import sabotage_results
from proof.evidence.sabotage_results import Result
from proof.gherkin import sabotage_files
from tests.proof.docs.world import World


def fault(name: str, *red: str) -> FaultView:
    return FaultView("1.2.1", "R", name, "caught", "", "", red)


def test_a_criterion_stands_alone_if_nothing_else_notices_a_fault() -> None:
    found = trust.alone([fault("a", "one"), fault("b", "one", "two"), fault("c"), fault("d", "two", "three")])
    assert {name: [each.name for each in faults] for name, faults in found.items()} == {
        "one": ["a"],
        "two": [],
        "three": [],
    }


@pytest.mark.parametrize("red", [None, ("1.2.1 Members become root", "1.2.1 Others do not")])
def test_the_page_tells_what_noticed_a_fault(tmp_path: Path, red: tuple[str, ...] | None) -> None:
    world = World.make(tmp_path)
    (one,) = sabotage_files.read(tmp_path / "features" / "task_1.2.1.feature", "1.2.1")
    result = Result(one.task, one.rule, one.name, "caught", "x", 1.0, "2026-01-01T00:00:00Z", one.content, red)
    sabotage_results.keep(tmp_path / "build" / "sabotage.json", result)
    page = (world.site() / "faults.html").read_text()
    assert "1 were caught, 0 went unnoticed, 0 could not be injected, 0 were not tried" in page
    assert ("noticed by 2 criteria" in page) == (red is not None)
    assert ("2 criteria notice nothing that another does not" in page) == (red is not None)
    ledger.write(tmp_path / "kept", [], [result])
    assert ledger.read(tmp_path / "kept").sabotages == (result,)
