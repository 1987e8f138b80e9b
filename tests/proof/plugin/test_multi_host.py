from pathlib import Path

import pytest

from lab.errors import EXIT_LAB_BROKEN, EXIT_USAGE
from lab.paths import ROOT
from proof.evidence.record import Run
from tests.fakes import FEATURE, Project, make_project

# Each host has a process of its own, so each has to be told anew that its hosts only pretend.
CONFTEST = f"""
import os
import sys

import pytest

pytest_plugins = ["proof.plugin.hooks"]
if os.environ.get("PYTEST_XDIST_WORKER"):
    sys.path.insert(0, {str(ROOT)!r})
    from tests import fakes

    fakes.pretend(pytest.MonkeyPatch(), fakes.FakeLab(), ANSWERS.get(os.environ["PYTEST_XDIST_WORKER"], {{}}))
"""


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Project:
    made = make_project(pytester, monkeypatch)
    answer(made)
    return made


def answer(project: Project, **answers: dict[str, str]) -> None:
    """Host to what it answers, by the beginning of the question."""
    project.write("conftest.py", f"ANSWERS = {answers!r}\n{CONFTEST}")


def runs(project: Project) -> dict[str, Run]:
    found = [Run.read(path) for path in (project.pytester.path / "build" / "runs").glob("2*/run.json")]
    return {run.target: run for run in found}


def test_every_host_has_a_process_and_a_record_of_its_own_and_a_column(project: Project) -> None:
    answer(project, vultr={"answer root": "not root"})
    result = project.run("--host=lab", "--host=vultr")
    assert result.ret == 1
    found = runs(project)
    assert {name: [each.state for each in run.scenarios] for name, run in found.items()} == {
        "lab": ["passed"] * 4,
        "vultr": ["failed", "passed", "passed", "skipped"],
    }
    assert found["lab"].provenance.keys() - found["vultr"].provenance.keys() == {"lab"}
    result.stdout.fnmatch_lines_random(
        [
            "*lab *PASSED*1.2.1*A new member becomes root*",
            "*vultr *FAILED*1.2.1*A member becomes root*",
            "*again: pytest --host=vultr *a_member_becomes_root*",
            "*Task*lab*vultr*",
            "*1.2.1 Sudo asks nobody*2 proved*1 proved, 1 failed*",
            "lab: All 2 criteria proved*",
            "vultr: 1 of 2 criteria failed*",
        ]
    )


def test_a_group_stands_for_its_hosts(project: Project) -> None:
    assert project.run("--host=production", "--host=vultr").ret == 0
    assert set(runs(project)) == {"vultr", "mail-two"}


def test_one_host_that_is_not_there_hinders_no_other(project: Project) -> None:
    answer(project, vultr={"greeting": "no answer"})
    result = project.run("--host=vultr", "--host=mail-two")
    assert result.ret == EXIT_LAB_BROKEN
    assert [each.state for each in runs(project)["mail-two"].scenarios] == ["passed"] * 3 + ["skipped"]
    result.stdout.fnmatch_lines(["vultr: *did not answer*", "mail-two: *criteria proved*"])


def test_holes_in_features_end_every_process(project: Project) -> None:
    project.write("features/task_1.2.1.feature", FEATURE.replace("the member asks", "the stranger asks"))
    result = project.run("--host=lab", "--host=vultr")
    assert result.ret == EXIT_USAGE
    result.stdout.fnmatch_lines(["*no step reads 'the stranger asks'*"])


def test_a_named_folder_is_divided(project: Project, tmp_path: Path) -> None:
    project.run("--host=lab", "--host=vultr", f"--run-folder={tmp_path}")
    assert {path.parent.name for path in tmp_path.glob("*/run.json")} == {"lab", "vultr"}


@pytest.mark.parametrize("option", ["-n2", "--dist=each", "--tx=popen"])
def test_two_processes_never_share_a_host(project: Project, option: str) -> None:
    result = project.run("--host=lab", option)
    assert result.ret == EXIT_USAGE
    result.stderr.fnmatch_lines(["*one process*"])
