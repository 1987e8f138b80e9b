"""Who changed a host, as far as its logs tell."""

import os
import stat
import time
from pathlib import Path

import pytest

from proof.probes import origin

LINES = """\
2026-11-20 09:00:00 install old:amd64 <none> 1
2026-11-20 12:00:01 startup archives unpack
2026-11-20 12:00:02 upgrade ssh:amd64 1 2
2026-11-20 12:00:03 status installed ssh:amd64 2
2026-11-20 12:30:00 remove late:amd64 1 <none>
"""


@pytest.fixture
def noon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> float:
    """Noon of that day, on a host with a log of dpkg and a journal with two uses of sudo."""
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    monkeypatch.setattr(origin, "DPKG_LOG", tmp_path / "dpkg.log")
    (tmp_path / "dpkg.log").write_text(LINES)
    program = tmp_path / "journalctl"
    told = "echo 'ann : COMMAND=/bin/vi'; echo 'x : COMMAND=python3'"
    program.write_text(f'#!/bin/sh\necho "$@" > {tmp_path}/asked; {told}\n')
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    return time.mktime((2026, 11, 20, 12, 0, 0, 0, 0, 0))


def test_what_was_done_since_a_time_is_told(noon: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("proof.probes.origin.time.time", lambda: noon + 60)
    assert origin.since(noon) == "dpkg: upgrade ssh:amd64 1 2; sudo: ann : COMMAND=/bin/vi"
    assert f"--since=@{int(noon)} --until=@{int(noon) + 60}" in (tmp_path / "asked").read_text()


def test_a_file_has_what_was_done_when_it_was_changed(noon: float, monkeypatch: pytest.MonkeyPatch) -> None:
    real = Path(__file__).lstat()
    monkeypatch.setattr("proof.probes.origin.os.lstat", lambda _: os.stat_result([*real[:9], noon]))
    assert origin.of(["/file"])["/file"].startswith("changed 2026-11-20 12:00:00 UTC; dpkg: upgrade ssh")


def test_a_file_that_is_gone_says_so(noon: float) -> None:
    assert noon
    assert origin.of(["/not/there"]) == {"/not/there": "it is not there"}
