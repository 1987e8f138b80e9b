"""What a run shows of itself while a scenario takes long."""

import time

import pytest

from lab import progress
from proof.evidence.record import Run, Scenario
from proof.plugin.live_line import LiveLine


def scenario(name: str, *, disruptive: bool = False) -> Scenario:
    return Scenario(name, "1.2.1", "rule", name, "", disruptive, "f", 1, "n")


def test_a_log_shows_what_runs_how_far_the_run_is_and_what_is_left(
    monkeypatch: pytest.MonkeyPatch, tmp_path: object, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MAIL_LAB_CACHE", str(tmp_path))
    monkeypatch.setattr(progress, "LINE_EVERY", 0.02)
    progress.remember("scenario two", 70.0)
    progress.remember("scenario three", 61.0)
    run = Run("x", "lab", "", [])
    run.scenarios = [scenario("one"), scenario("two"), scenario("three"), scenario("four", disruptive=True)]
    run.scenarios[0].state = "passed"
    line = LiveLine(run)
    with line.during("1.2.1  two", "scenario two"):
        time.sleep(0.1)
    line.close()
    shown = capfd.readouterr().err.splitlines()[0]
    assert shown == "  [=====               ] 1 of 4, about 2:25 left  1.2.1  two  0:00 of about 1:10"


def test_what_takes_a_moment_shows_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    line = LiveLine(Run("x", "lab", "", []))
    with line.during("1.2.1  one", "scenario one"):
        pass
    line.close()
    assert capfd.readouterr().err == ""
