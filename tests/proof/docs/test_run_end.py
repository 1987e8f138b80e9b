import json

import pytest

from lab.errors import LabError
from proof.evidence.redact import redactor
from tests.fakes import Project, make_project
from tests.proof.docs.world import PLAN

SECRET = "correct-horse-battery"  # noqa: S105 - planted


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Project:
    made = make_project(pytester, monkeypatch)
    made.write("features/tracker.yml", PLAN)
    return made


def document(project: Project) -> dict[str, object]:
    found: dict[str, object] = json.loads((project.pytester.path / "build/docs/data.json").read_text())
    return found


def test_every_run_computes_the_documentation_and_reports_where(project: Project) -> None:
    result = project.run("--host=lab")
    assert result.ret == 0
    result.stdout.fnmatch_lines(["*Documentation: build/docs/index.html"])
    assert document(project)["mismatches"] == []
    assert "verified 2" in (project.pytester.path / "build/docs/index.html").read_text()
    assert not (project.pytester.path / "docs").exists(), "a run must not change what git knows"


def test_a_run_knows_the_lab_and_the_host(project: Project) -> None:
    project.run("--host=lab")
    provenance = json.loads((project.last / "run.json").read_text())["provenance"]
    assert provenance["lab"] == {"box": "b0", "layer": "l0"}
    assert provenance["host"] == {"system": "Debian GNU/Linux 13 (trixie)"}


def test_a_host_that_does_not_tell_its_versions_fails_nothing(project: Project) -> None:
    project.answers["read"] = OSError("no /etc/os-release")
    assert project.run("--host=lab").ret == 0
    assert json.loads((project.last / "run.json").read_text())["provenance"]["host"] == {}


def test_documentation_that_cannot_be_made_is_one_line_and_no_failure(project: Project) -> None:
    project.write("features/tracker.yml", "milestones: 3\n")
    result = project.run("--host=lab")
    assert result.ret == 0
    result.stdout.fnmatch_lines(["The documentation could not be computed: UsageError: *tracker.yml is no plan*"])
    assert "Traceback" not in result.stdout.str()


def test_a_run_of_a_sabotage_is_no_evidence(project: Project) -> None:
    result = project.run("--host=lab", "--no-reset", "--run-folder=build/sabotage/one")
    assert "Documentation" not in result.stdout.str()
    assert not (project.pytester.path / "build/docs").exists()


@pytest.mark.parametrize("where", ["evidence", "failure", "reason", "lab"])
def test_a_planted_secret_is_in_nothing_that_is_written(project: Project, where: str) -> None:
    redactor.register(SECRET)
    said: dict[str, str | BaseException] = {
        "evidence": f"root {SECRET}",
        "failure": AssertionError(f"the password is {SECRET}"),
        "reason": pytest.skip.Exception(f"no use: {SECRET}"),
        "lab": LabError(f"It is gone: {SECRET}"),
    }
    project.answers["answer root"] = said[where]
    result = project.run("--host=lab", "--rule", "Members become root", "--scenario", "A member becomes root")
    written = [path for path in (project.pytester.path / "build").rglob("*") if path.is_file()]
    assert {path.name for path in written} >= {"run.json", "index.html", "1.2.1.html", "data.json", "junit-lab.xml"}
    assert [path for path in written if SECRET in path.read_text()] == []
    assert SECRET not in result.stdout.str()
