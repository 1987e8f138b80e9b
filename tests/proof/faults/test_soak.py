"""How rounds are counted and what of them is named."""

import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace

import pytest

from lab.errors import LabError
from proof.evidence.record import Run, Scenario, ScenarioState
from proof.faults import soak

Round = Callable[[int], tuple[int, Sequence[ScenarioState]]]


@pytest.fixture
def rounds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Round], list[list[str]]]:
    """`rounds(ends)` has pytest end in the number'th round with a status and with these states of scenarios."""
    monkeypatch.setattr(soak, "BUILD", tmp_path)

    def prepare(ends: Round) -> list[list[str]]:
        commands: list[list[str]] = []

        def run(argv: Sequence[object], **_: object) -> SimpleNamespace:
            commands.append([str(word) for word in argv[1:]])
            status, states = ends(len(commands))
            made = Run(f"{len(commands)}", "lab", "2026-01-01T00:00:00Z", ["pytest"])
            made.scenarios = [
                Scenario(f"1.2.1/{number}", "1.2.1", "R", "a", "", False, "features/x", 3, "steps/x::a", state)
                for number, state in enumerate(states)
            ]
            folder = tmp_path / "runs" / f"2026010{len(commands)}T000000Z-lab-abcdef"
            folder.mkdir(parents=True)
            made.write(folder / "run.json")
            return SimpleNamespace(returncode=status)

        monkeypatch.setattr(subprocess, "run", run)
        return commands

    return prepare


def test_rounds_go_on_until_enough_ran_and_what_failed_is_named_with_its_seeds(
    rounds: Callable[[Round], list[list[str]]], capsys: pytest.CaptureFixture[str]
) -> None:
    commands = rounds(lambda number: (1, ["failed", "skipped"]) if number == 2 else (0, ["passed", "passed"]))
    assert soak.main(["--calm=4", "--disruptive=1", "--seed=7", "-x"]) == 1
    assert [command[2] for command in commands] == ["not disruptive"] * 3 + ["disruptive"]
    assert all(command[-1] == "-x" for command in commands)
    seeds = [command[3] for command in commands]
    assert len(set(seeds[:3])) == 3
    assert seeds[3] == seeds[0]
    told = capsys.readouterr().out.splitlines()
    assert told[0] == "Seed 7"
    assert f"UNSTEADY  1.2.1/0: failed 1 times, with {seeds[1]}" in told
    assert told[-1] == "2 disruptive executions, 0 scenarios failed."


@pytest.mark.parametrize(("status", "states"), [(12, ["not run"]), (0, ["skipped"])])
def test_a_lab_that_broke_ends_it(
    rounds: Callable[[Round], list[list[str]]], status: int, states: Sequence[ScenarioState]
) -> None:
    rounds(lambda _: (status, states))
    with pytest.raises(LabError, match="A round with seed"):
        soak.main(["--calm=1"])
