"""The lints see every shell script, whatever its name, and nothing of what only looks like one."""

from pathlib import Path

import pytest

from lab.paths import ROOT
from proof import lint


@pytest.mark.parametrize(
    ("name", "content", "shell"),
    [
        ("deploy.sh", "echo", True),
        ("run", "#!/usr/bin/env bash\n", True),
        ("find-python", "#!/bin/sh\n", True),
        ("rollback", "#!/bin/bash -e\n", True),
        ("script.py", "#!/usr/bin/env python3\n", False),
        ("notes", "see #!/bin/sh\n", False),
        ("rollback.sh.j2", "#!/bin/sh\n", False),
    ],
)
def test_a_script_is_known_by_its_name_or_first_line(tmp_path: Path, name: str, content: str, shell: bool) -> None:
    path = tmp_path / name
    path.write_text(content)
    assert lint.is_shell(path) is shell


def test_the_projects_own_scripts_are_linted() -> None:
    (shellcheck,) = (check for check in lint.checks() if check.name == "shellcheck")
    assert {"scripts/find-python", ".ci/run"} <= set(shellcheck.command)
    assert all((ROOT / path).is_file() for path in shellcheck.command[1:])


def test_a_check_that_cannot_run_reports_why(capsys: pytest.CaptureFixture[str]) -> None:
    assert lint.run(lint.Check("example", ("no-such-program",), skipped="it is not installed"))
    assert "skipped: it is not installed" in capsys.readouterr().out


@pytest.mark.parametrize(("status", "clean"), [("0", True), ("3", False)])
def test_a_check_that_finds_something_shows_what(capsys: pytest.CaptureFixture[str], status: str, clean: bool) -> None:
    check = lint.Check("example", ("sh", "-c", 'echo found; exit "$1"', "sh", status))
    assert lint.run(check) is clean
    assert ("found" in capsys.readouterr().out) is not clean
