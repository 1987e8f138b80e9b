import dataclasses
import json
from pathlib import Path

import pytest

from proof.evidence import run_folder
from proof.evidence.record import Criterion, Evidence, Failure, Run, Scenario, Step, Task
from proof.evidence.recorder import SHOWN, Recorder, shortened
from proof.evidence.run_folder import RunFolder, slug


def example() -> Run:
    evidence = Evidence("command", "id", "mail", 0, "root\n")
    failure = Failure("criterion", "no", journal=["a line"], seen_out_of_band=[evidence])
    scenario = Scenario("1.2.1/a", "1.2.1", "R", "a", "", False, "features/x", 3, "steps/x::a", "failed")
    scenario.steps, scenario.failure = [Step("Then", "it holds", 4, "failed", 0.1, [evidence])], failure
    run = Run("id", "lab", "2026-01-01T00:00:00Z", ["pytest"])
    run.inventory = [Task("1.2.1", "Sudo", "features/x", ["task-1.2.1"], [Criterion("R", 2, ["a"], 1)])]
    run.scenarios = [scenario]
    return run


def test_a_record_survives_writing_and_reading(tmp_path: Path) -> None:
    run = example()
    run.write(tmp_path / "run.json")
    assert Run.read(tmp_path / "run.json") == run
    assert [path.name for path in tmp_path.iterdir()] == ["run.json"]


@pytest.mark.parametrize("text", ["", "[]", '{"schema": 99}', '{"schema": 1, "scenarios": 3}'])
def test_a_damaged_record_is_a_value_error(tmp_path: Path, text: str) -> None:
    (tmp_path / "run.json").write_text(text)
    with pytest.raises(ValueError):
        Run.read(tmp_path / "run.json")


def test_the_oldest_runs_of_a_target_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_folder, "KEPT", 2)
    for second in range(3):
        (tmp_path / f"20260101T00000{second}Z-lab-abcdef").mkdir()
    rare = tmp_path / "20260101T000000Z-vultr-abcdef"
    rare.mkdir()
    new = RunFolder.create(tmp_path, "lab").id
    kept = ["20260101T000000Z-vultr-abcdef", "20260101T000002Z-lab-abcdef", new]
    assert sorted(path.name for path in tmp_path.glob("[0-9]*")) == kept


def test_runs_have_folders_of_their_own_and_a_link_to_the_last(tmp_path: Path) -> None:
    first, second = RunFolder.create(tmp_path, "lab"), RunFolder.create(tmp_path, "lab")
    assert first.path != second.path
    assert (tmp_path / "last").resolve() == second.path
    assert len(list(tmp_path.iterdir())) == 3


def test_long_outputs_are_whole_in_a_file(tmp_path: Path) -> None:
    recorder = Recorder(RunFolder.at(tmp_path))
    recorder.open_scenario("scenario")
    step = recorder.open_step("When", "it talks", 3)
    recorder.command("mail", "yes", exit_status=0, stdout=b"y\n" * SHOWN, stderr=b"\xff", seconds=1.0)
    recorder.note("a word")
    recorder.close_scenario()
    recorder.note("outside")
    command, note = step.evidence
    assert len(command.stdout) < SHOWN + 100
    assert command.stdout_file == "evidence/scenario-001.stdout.txt"
    assert (tmp_path / command.stdout_file).read_text() == "y\n" * SHOWN
    assert (command.stderr, note.text) == ("\ufffd", "a word")
    assert [evidence.text for evidence in recorder.outside] == ["outside"]


def test_texts_are_shortened_in_the_middle() -> None:
    assert shortened("a" * 50 + "b" * 50, 20) == "a" * 10 + "\n[... 80 characters left out ...]\n" + "b" * 10
    assert slug("1.2.1/The host's Port!") == "1.2.1-the-host-s-port"


def test_the_record_keeps_its_form_on_disk(tmp_path: Path) -> None:
    """Byte for byte the form of the records before version 0.2."""
    run = example()
    run.write(tmp_path / "run.json")
    expected = json.dumps(dataclasses.asdict(run), ensure_ascii=False, indent=1)
    assert (tmp_path / "run.json").read_text(encoding="utf-8") == expected
