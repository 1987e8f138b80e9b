"""The notes of rehearsals from a starting state, the page made from them, and the selection as a whole."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from lab import provisioning, starting_states
from lab.errors import LabError
from lab.starting_states import State
from proof.deployment import terraform
from proof.evidence.run_folder import RunFolder
from proof.hosts import recorded_lab
from proof.rehearsal import rehearsed, run
from proof.whole_host import reference
from proof.whole_host.reference import Reference
from tests.fakes import FakeLab


@pytest.fixture
def has_reference(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reference, "read_newest", lambda: Reference("2.1.4", "l", {}))


def ended(folder: Path, status: int, *states: str) -> str:
    with rehearsed.noted(starting_states.completed(states), folder / "kept", folder / "page.md") as one:
        one.status = status
    (note,) = map(json.loads, (folder / "kept").read_text().splitlines())
    return str(note["result"])


@pytest.mark.usefixtures("has_reference")
def test_the_latest_note_tells_how_a_rehearsal_ended(tmp_path: Path) -> None:
    assert ended(tmp_path, 0) == "the same host"
    assert ended(tmp_path, 1) == "differs, exit status 1"


def test_without_a_reference_nothing_was_compared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reference, "read_newest", lambda: None)
    assert ended(tmp_path, 0) == "not compared: there was no reference"


@pytest.mark.usefixtures("has_reference")
def test_a_server_that_could_not_be_provisioned_is_noted(tmp_path: Path) -> None:
    with (
        pytest.raises(LabError),
        rehearsed.noted(starting_states.completed([]), tmp_path / "kept", tmp_path / "page.md"),
    ):
        raise LabError("The new server could not be provisioned.\n  | TASK")
    assert json.loads((tmp_path / "kept").read_text())["result"] == "The new server could not be provisioned."


def test_the_page_has_each_row_with_its_latest_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rehearsed, "_provision", lambda: "today")
    first = starting_states.selection()[0]
    notes = [
        {"states": first, "began": f"2026-01-{day}T10:00:00Z", "result": result, "provision": provision}
        for day, result, provision in (("02", "the same host", "before"), ("01", "differs", "today"))
    ]
    (tmp_path / "kept").write_text("".join(f"{json.dumps(note)}\n" for note in notes))
    rehearsed.write(tmp_path / "kept", tmp_path / "page.md")
    page = (tmp_path / "page.md").read_text()
    row = f"| {', '.join(first)} | 2026-01-02 10:00 UTC | the same host (of an earlier provisioning) |"
    assert row in page
    assert page.count("| not run | - |") == len(starting_states.selection()) - 1
    assert "mounts: `swap /swapfile`" in page


@pytest.fixture
def rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The rows that were rehearsed; the second fails in provisioning."""
    done: list[list[str]] = []

    def start_as(_: object, states: Sequence[State], judge: Callable[[None, RunFolder], int]) -> int:
        assert judge(None, RunFolder(tmp_path)) == 0
        done.append([state.name for state in states])
        if len(done) == 2:
            raise provisioning.Failed("no room")
        return 0

    def prove(folder: Path, arguments: Sequence[str]) -> int:
        assert (folder, arguments) == (tmp_path, ("-m", "whole-host"))
        return 0

    monkeypatch.setattr(run, "prove", prove)
    monkeypatch.setattr(run, "start_as", start_as)
    monkeypatch.setattr(recorded_lab, "open_lab", FakeLab)
    return done


@pytest.mark.usefixtures("has_reference")
def test_all_of_the_selection_is_rehearsed_whatever_fails(
    rows: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(terraform, "why_not", lambda: "")
    assert run.main(["--pairwise"]) == provisioning.Failed.exit_status
    assert rows == starting_states.selection()


def test_without_terraform_the_selection_says_why_not(
    rows: list[list[str]], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(terraform, "why_not", lambda: "Terraform is not installed")
    assert run.main(["--pairwise"]) == 0
    assert "not rehearsed: Terraform is not installed" in capsys.readouterr().out
    assert not rows


def test_without_a_reference_the_selection_is_not_begun(rows: list[list[str]], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(terraform, "why_not", lambda: "")
    monkeypatch.setattr(reference, "read_newest", lambda: None)
    with pytest.raises(LabError, match="no reference"):
        run.main(["--pairwise"])
    assert not rows
