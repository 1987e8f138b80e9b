"""What is run after a save."""

import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace

import pytest

from lab.paths import ROOT
from proof.faults import watch


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Commands that were run; the one named `fails` ends with 12."""
    commands: list[list[str]] = []

    def run(argv: Sequence[object], **_: object) -> SimpleNamespace:
        commands.append([Path(str(argv[0])).name, *map(str, argv[1:])])
        return SimpleNamespace(returncode=12 if len(commands) == 3 else 0)

    monkeypatch.setattr(subprocess, "run", run)
    return commands


def test_each_save_proves_what_it_affects_on_a_lab_that_is_up_to_date(
    ran: list[list[str]], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def saves(*paths: Path, **_: object) -> Iterator[set[tuple[str, str]]]:
        assert ROOT / "provision" in paths
        yield {("modified", str(ROOT / "provision" / name)) for name in ("a", "b", "c", "d")}

    monkeypatch.setattr(watch, "watch", saves)
    assert watch.main(["-x"]) == 0
    proof = ["pytest", "--host=lab", "--affected", "-x"]
    assert ran == [["lab", "up"], proof, ["lab", "up"]]  # the second time the lab broke
    assert capsys.readouterr().out == "Changed: provision/a, provision/b, provision/c and 1 more\n"
