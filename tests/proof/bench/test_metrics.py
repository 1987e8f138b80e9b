"""A benchmark's figures keep their runs, and say whether they reach what is asked."""

import json
from pathlib import Path

import pytest
from rich.console import Console

from proof.bench import metrics


def test_a_ratio_is_median_by_median_with_the_runs_of_the_slow_way() -> None:
    figure = metrics.ratio("ratio.stock", "faster", [30.0, 40.0, 35.0], [0.5, 0.25, 9.0], 80)
    assert figure.value == 70.0
    assert list(figure.runs) == [60.0, 80.0, 70.0]
    assert figure.reached is False


@pytest.mark.parametrize(("bound", "reached"), [(3.0, True), (2.0, True), (1.9, False), (None, None)])
def test_seconds_have_to_stay_below_their_bound(bound: float | None, reached: bool | None) -> None:
    assert metrics.median("seconds.reset", "reset", [1.0, 2.0, 9.0], bound).reached is reached


def test_memory_counts_at_its_largest() -> None:
    assert metrics.largest("mib.resident", "memory", [900.0, 1200.0, 1100.0]).value == 1200.0


def test_the_file_holds_each_number_and_its_runs_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "build/bench.json"
    metrics.write(path, [metrics.median("seconds.reset", "reset", [1.0, 1.23456, 2.0])], {"cpus": 2})
    assert json.loads(path.read_text()) == {
        "about": {"cpus": 2},
        "seconds.reset": 1.235,
        "seconds.reset.runs": [1.0, 1.235, 2.0],
    }
    assert [entry.name for entry in path.parent.iterdir()] == ["bench.json"]


def test_the_table_reports_what_was_missed() -> None:
    console = Console(width=160, record=True)
    console.print(metrics.table([metrics.median("seconds.reset", "reset", [4.0], 3.0)], "Speed"))
    shown = console.export_text()
    assert "missed" in shown
    assert "<= 3" in shown
