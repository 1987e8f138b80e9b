"""What a machine lacks is found by running what it has."""

from pathlib import Path

import pytest

from lab import tools
from lab.bootstrap import requirements
from lab.errors import LabError


def qemu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    program = tmp_path / "qemu"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setattr(tools, "find", lambda _: str(program))


def test_an_old_qemu_is_refused_with_its_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    qemu(tmp_path, monkeypatch, "echo QEMU emulator version 7.2.22")
    assert "qemu-system-x86" in [need.package for need in requirements.missing()]
    with pytest.raises(LabError, match=r"is version 7\.2"):
        requirements.require_recent_qemu()


def test_a_recent_qemu_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    qemu(tmp_path, monkeypatch, "echo QEMU emulator version 8.2.2")
    assert not {"qemu-system-x86", "qemu-utils"} & {need.package for need in requirements.missing()}
    requirements.require_recent_qemu()


def test_a_qemu_that_does_not_run_counts_as_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    qemu(tmp_path, monkeypatch, "echo QEMU emulator version 10.0.2; exit 127")
    assert "qemu-system-x86" in [need.package for need in requirements.missing()]


def test_every_need_reports_its_use() -> None:
    assert all(need.use for need in requirements.NEEDS)
    assert len({need.package for need in requirements.NEEDS}) == len(requirements.NEEDS)
