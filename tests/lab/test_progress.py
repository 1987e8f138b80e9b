import json
import sys
import time
from pathlib import Path

import pytest

from lab import progress


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MAIL_LAB_CACHE", str(tmp_path))
    return tmp_path


def test_a_short_step_reports_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with progress.step("Blink", expected=1.0):
        pass
    assert capsys.readouterr().err == ""
    assert progress.measured("Blink") == 0.0


def test_a_long_step_reports_what_to_expect_and_how_it_goes(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(progress, "LINE_EVERY", 0.02)
    with progress.step("Boot both VMs", expected=70.0):
        time.sleep(0.1)
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "  Boot both VMs  (about 1:10)"
    assert "  Boot both VMs  0:00 of about 1:10" in lines[1:]


def test_what_this_machine_measured_counts_more(capsys: pytest.CaptureFixture[str]) -> None:
    progress.remember("layer", 31.0)
    with progress.step("Restore", expected=6.0, key="layer"):
        pass
    assert "(about 0:31)" in capsys.readouterr().err


@pytest.mark.parametrize(("error", "word"), [(KeyboardInterrupt, "interrupted"), (ValueError, "failed")])
def test_a_step_that_ends_early_is_reported_and_is_not_remembered(
    capsys: pytest.CaptureFixture[str], error: type[BaseException], word: str
) -> None:
    with pytest.raises(error), progress.step("Boot"):
        raise error
    assert f"Boot  {word} in 0.0 s" in capsys.readouterr().err
    assert progress.measured("Boot") is None


def test_a_terminal_sees_one_line_that_changes(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    with progress.step("Boot", expected=9.0):
        pass
    assert capsys.readouterr().err.endswith("\r\033[K  Boot  done in 0.0 s\n")


@pytest.mark.parametrize("text", ["", "[1]", '{"Boot": "soon"}', "null"])
def test_a_damaged_memory_is_no_memory(cache: Path, text: str) -> None:
    (cache / "durations.json").write_text(text)
    assert progress.measured("Boot") is None
    progress.remember("Boot", 3.0)
    assert json.loads((cache / "durations.json").read_text())["Boot"] == 3.0


def test_no_room_for_a_memory_is_no_error(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (cache / "file").write_text("")
    monkeypatch.setenv("MAIL_LAB_CACHE", str(cache / "file" / "below"))
    with progress.step("Boot"):
        pass
