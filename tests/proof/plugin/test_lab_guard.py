"""The lab of a run, where its guest is too slow."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from proof.evidence.recorder import Recorder
from proof.evidence.run_folder import RunFolder
from proof.plugin.lab_guard import LabGuard
from proof.whole_host import reference
from proof.whole_host.reference import Reference
from tests.fakes import Done, FakeLab


class Slow(FakeLab):
    """A lab whose guest answers nothing in time."""

    def exec(self, node: str, argv: Sequence[str], stdin: bytes = b"", timeout: float = 60.0) -> Done:
        del stdin
        raise TimeoutError(f"{node}: {argv[0]} was not done in {timeout} s")


def test_a_guest_that_is_too_slow_tells_no_scripts_and_breaks_no_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = {"files": {"/opt/a.sh": "-rwxr-xr-x root:root 0123456789abcdef"}}
    monkeypatch.setattr("proof.hosts.recorded_lab.open_lab", lambda _: Slow())
    monkeypatch.setattr(reference, "require", lambda _: None)
    monkeypatch.setattr(reference, "read", lambda _: Reference("2.1.4", "one", script))
    folder = RunFolder.at(tmp_path / "run")
    guard = LabGuard(tmp_path, Recorder(folder), folder.artefacts, no_reset=False)
    guard.start(None, lambda: None)
    assert guard.scripts_read() is None
    guard.close()
