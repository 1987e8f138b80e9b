"""A Python is chosen by what it does when it runs, never by its name alone."""

import subprocess
import sys
from pathlib import Path

import pytest

from lab.paths import ROOT

FIND = ROOT / "scripts/find-python"
REAL = getattr(sys, "_base_executable", sys.executable)
SYSTEM = "/usr/bin:/bin"
FAILS = "#!/bin/sh\nexit 127\n"
RUNS = "#!/bin/sh\nexit 0\n"
WITHOUT_VENV = '#!/bin/sh\ncase "$2" in *ensurepip*) exit 1 ;; esac\nexit 0\n'


def find(*folders: Path) -> subprocess.CompletedProcess[str]:
    path = ":".join([*map(str, folders)])
    return subprocess.run(
        ["/bin/sh", FIND], env={"PATH": path}, capture_output=True, text=True, timeout=30, check=False
    )


def program(folder: Path, name: str, script: str) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(script)
    (folder / name).chmod(0o755)
    return folder / name


@pytest.fixture
def tools(tmp_path: Path) -> Path:
    """A PATH without any Python, and with what the script itself needs."""
    folder = tmp_path / "tools"
    folder.mkdir()
    (folder / "head").symlink_to("/usr/bin/head")
    return folder


def test_the_newest_that_runs_is_chosen(tmp_path: Path, tools: Path) -> None:
    program(tmp_path / "a", "python3.11", RUNS)
    newest = program(tmp_path / "a", "python3.12", RUNS)
    assert find(tmp_path / "a", tools).stdout.strip() == str(newest)


def test_a_shim_that_fails_does_not_hide_the_real_one_behind_it(tmp_path: Path, tools: Path) -> None:
    program(tmp_path / "shims", "python3.13", FAILS)
    real = program(tmp_path / "real", "python3.13", RUNS)
    program(tmp_path / "real", "python3.11", RUNS)
    assert find(tmp_path / "shims", tmp_path / "real", tools).stdout.strip() == str(real)


def test_one_without_venv_is_the_second_choice(tmp_path: Path, tools: Path) -> None:
    bare = program(tmp_path / "a", "python3.13", WITHOUT_VENV)
    assert find(tmp_path / "a", tools).stdout.strip() == str(bare)
    whole = program(tmp_path / "a", "python3.11", RUNS)
    assert find(tmp_path / "a", tools).stdout.strip() == str(whole)


def test_without_any_the_message_reports_what_to_install(tmp_path: Path, tools: Path) -> None:
    program(tmp_path / "a", "python3", FAILS)
    done = find(tmp_path / "a", tools)
    assert done.returncode == 12
    assert "python3-venv" in done.stderr


def test_a_real_interpreter_passes_and_an_environments_own_does_not(tmp_path: Path, tools: Path) -> None:
    (tmp_path / "python3").symlink_to(REAL)
    assert find(tmp_path, tools).stdout.strip() == str(tmp_path / "python3")
    assert find(Path(sys.prefix) / "bin", tools).returncode == 12 or sys.prefix == sys.base_prefix
