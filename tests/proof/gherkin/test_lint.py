import subprocess
import sys
from pathlib import Path

import pytest

from lab.paths import FEATURES, ROOT
from proof.gherkin import feature_files
from proof.gherkin import lint as featurelint
from proof.gherkin.feature_files import FeatureSyntaxError
from tests.fakes import FEATURE, SABOTAGE
from tests.proof.docs.world import PLAN


def lint(folder: Path, feature: str = FEATURE, sabotage: str = SABOTAGE) -> list[str]:
    (folder / "task_1.2.1.feature").write_text(feature)
    (folder / "task_1.2.1.sabotage.yml").write_text(sabotage)
    return [f"{finding.path.name}:{finding.line}: {finding.message}" for finding in featurelint.check_folder(folder)]


def test_the_projects_own_features_have_no_holes() -> None:
    assert [str(finding) for finding in featurelint.check_folder(FEATURES)] == []


def test_every_scenario_has_a_test_and_every_step_a_function() -> None:
    command = [sys.executable, "-m", "pytest", "--host=lab", "--collect-only", "-q", "-p", "no:cacheprovider"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_sound_feature_has_no_findings(tmp_path: Path) -> None:
    assert lint(tmp_path) == []


@pytest.mark.parametrize(
    ("old", "new", "finding"),
    [
        ("@task-1.2.1", "@task-1.2.2", "task_1.2.1.feature:2: the feature lacks its tag @task-1.2.1"),
        ("Feature: 1.2.1 ", "Feature: ", "task_1.2.1.feature:2: the feature's name does not begin with 1.2.1"),
        ("@disruptive", "@disruptiv", "task_1.2.1.feature:11: unknown tag @disruptiv"),
        ("A new member", "A member", "task_1.2.1.feature:11: two scenarios are named 'A member becomes root'"),
        ("Rule: Others do not", "Rule: Members become root", "task_1.2.1.feature:15: two Rules read"),
        ("  Rule: Members become root\n", "", "task_1.2.1.feature:5: the scenario 'A member becomes root' is outside"),
        ("  Rule: Others", "  Rule: Nobody\n\n  Rule: Others", "task_1.2.1.feature:15: the Rule 'Nobody' has no"),
        ("Then the answer is root\n\n    @d", "Than the answer is root\n\n    @d", "task_1.2.1.feature:8: "),
    ],
)
def test_each_hole_is_found_at_its_place(tmp_path: Path, old: str, new: str, finding: str) -> None:
    assert old in FEATURE
    found = lint(tmp_path, FEATURE.replace(old, new))
    assert any(each.startswith(finding) for each in found), found


@pytest.mark.parametrize(
    ("sabotage", "finding"),
    [
        (SABOTAGE.replace("Others do not", "Other"), "task_1.2.1.sabotage.yml:4: no Rule reads 'Other'"),
        (SABOTAGE.replace("Others do not", "Other"), "task_1.2.1.feature:15: no sabotage is there for the Rule"),
        (SABOTAGE.replace("run: echo", "ran: echo"), "task_1.2.1.sabotage.yml:4: a sabotage has no field 'ran'"),
        (SABOTAGE + "  on: moon\n", "task_1.2.1.sabotage.yml:4: there is no node 'moon'"),
        (SABOTAGE + "- name: x\n", "task_1.2.1.sabotage.yml:7: the sabotage lacks rule, run"),
        (SABOTAGE + "- [\n", "task_1.2.1.sabotage.yml:8: "),
        ("", "task_1.2.1.feature:4: no sabotage is there for the Rule 'Members become root'"),
    ],
)
def test_sabotage_files_are_checked_too(tmp_path: Path, sabotage: str, finding: str) -> None:
    found = lint(tmp_path, sabotage=sabotage)
    assert any(each.startswith(finding) for each in found), found


def test_stray_sabotages_and_wrong_file_names_are_found(tmp_path: Path) -> None:
    (tmp_path / "task_9.9.9.sabotage.yml").write_text(SABOTAGE)
    (tmp_path / "sudo.feature").write_text(FEATURE)
    found = [finding.message for finding in featurelint.check_folder(tmp_path)]
    assert "no feature file is there to catch these sabotages" in found
    assert any("neither a task's" in message for message in found)


def plan(folder: Path, text: str) -> list[str]:
    (folder / "task_1.2.1.yml").touch()
    (folder / "features").mkdir(exist_ok=True)
    (folder / "features" / "task_1.2.1.feature").write_text(FEATURE)
    (folder / "features" / "tracker.yml").write_text(text)
    return [finding.message for finding in featurelint.check_plan(folder / "features")]


def test_the_projects_own_plan_fits_its_features() -> None:
    assert [str(finding) for finding in featurelint.check_plan(FEATURES)] == []


@pytest.mark.parametrize(
    ("old", "new", "finding"),
    [
        ("id: 1.2.1", "id: 1.2.3", "it lacks 1.2.1, which has a feature"),
        ("id: 1.2.2", "id: 1.2.1", "1.2.1 is there 2 times"),
        ("depends_on: [1.2.1]", "depends_on: [1.1.1]", "1.2.2 depends on 1.1.1, which is not there"),
        ("task_1.2.1.yml", "task_1.2.yml", "the automation of 1.2.1 is not there: task_1.2.yml"),
        ("milestones:", "stones:", "is no plan: KeyError: 'milestones'"),
        (
            "waivers: []",
            "waivers: [{task: 1.2.1, rule: Ghosts, target: lab, author: a, reason: r, expires: 2026-01-01}]",
            "a waiver is of 1.2.1 'Ghosts', which is not there",
        ),
    ],
)
def test_a_plan_that_does_not_fit_is_reported(tmp_path: Path, old: str, new: str, finding: str) -> None:
    assert plan(tmp_path, PLAN) == []
    assert old in PLAN
    found = plan(tmp_path, PLAN.replace(old, new))
    assert any(finding in each for each in found), found


def test_main_reports_findings_and_fails(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert lint(tmp_path) == []
    (tmp_path / "tracker.yml").write_text(PLAN.replace("[task_1.2.1.yml]", "[]"))
    assert featurelint.main([str(tmp_path)]) == 0
    assert "1 features, 2 criteria" in capsys.readouterr().out
    (tmp_path / "task_1.2.1.sabotage.yml").unlink()
    assert featurelint.main([str(tmp_path)]) == 1


def test_inventory_counts_cases_and_background(tmp_path: Path) -> None:
    path = tmp_path / "task_1.3.10.feature"
    text = FEATURE.replace("  Rule: Members", "  Background:\n    Given the start\n\n  Rule: Members")
    path.write_text(text.replace("1.2.1", "1.3.10"))
    (tmp_path / "task_1.3.9.feature").write_text(FEATURE)
    assert [each.task for each in feature_files.read_all(tmp_path)] == ["1.3.9", "1.3.10"]
    feature = feature_files.read(path)
    assert feature.title == "Sudo asks nobody"
    assert [(rule.name, len(rule.scenarios)) for rule in feature.rules] == [
        ("Members become root", 2),
        ("Others do not", 1),
    ]
    outline = feature.rules[1].scenarios[0]
    assert (outline.cases, outline.steps[0].text) == (2, "the start")
    assert [scenario.disruptive for _, scenario in feature.scenarios()] == [False, True, False]


def test_an_empty_file_is_no_feature(tmp_path: Path) -> None:
    with pytest.raises(FeatureSyntaxError, match="no Feature"):
        feature_files.parse("# nothing\n", tmp_path / "task_1.2.1.feature")
