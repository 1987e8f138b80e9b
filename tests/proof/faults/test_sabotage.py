from pathlib import Path

import pytest

from lab.errors import UsageError
from lab.paths import ROOT
from proof import process
from proof.deployment import sources
from proof.evidence import sabotage_results
from proof.evidence.record import Failure, FailureKind, Run
from proof.evidence.record import Scenario as Record
from proof.evidence.sabotage_results import Outcome, Result
from proof.faults import sabotage
from proof.gherkin import feature_files
from proof.gherkin.feature_files import Feature, Scenario
from proof.gherkin.sabotage_files import Sabotage
from tests.fakes import FEATURE, SABOTAGE, STEPS, Done, FakeLab


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "features").mkdir()
    (tmp_path / "features" / "task_1.2.1.feature").write_text(FEATURE)
    (tmp_path / "features" / "task_1.2.1.sabotage.yml").write_text(SABOTAGE)
    return tmp_path


@pytest.fixture
def work(root: Path) -> list[tuple[Feature, Sabotage]]:
    return list(sabotage.chosen(feature_files.read_all(root / "features"), [], []))


def run_with(rule: str, kind: FailureKind | None, *, lab_error: str = "") -> Run:
    scenario = Record("id", "1.2.1", rule, "a name", "", False, "f", 1, "n", "failed" if kind else "passed")
    scenario.failure = Failure(kind, "said\nmore") if kind else None
    return Run("id", "lab", "", [], scenarios=[scenario], lab_error=lab_error)


@pytest.mark.parametrize(
    ("run", "exit_status", "outcome"),
    [
        (run_with("R", "criterion"), 1, "caught"),
        (run_with("R", "unreachable"), 1, "caught"),
        (run_with("R", None), 0, "survived"),
        (run_with("R", "steps"), 1, "error"),
        (run_with("R", "lab"), 12, "error"),
        (run_with("other", "criterion"), 1, "error"),
        (run_with("R", None, lab_error="gone"), 12, "error"),
        (Run("id", "lab", "", []), 5, "error"),
    ],
)
def test_only_a_failed_criterion_of_that_rule_catches(run: Run, exit_status: int, outcome: str) -> None:
    assert sabotage.judge(run, "R", exit_status).outcome == outcome


def test_each_disruptive_scenario_gets_a_host_of_its_own() -> None:
    def scenario(name: str, *tags: str) -> Scenario:
        return Scenario(name, 1, frozenset(tags), (), ((),))

    calm, first, second = scenario("a"), scenario("b", "disruptive"), scenario("c", "disruptive")
    assert sabotage.batches([first, calm, second]) == [[calm, first], [second]]
    assert sabotage.batches([calm]) == [[calm]]
    assert sabotage.batches([]) == []


def test_results_are_kept_and_told(
    root: Path, work: list[tuple[Feature, Sabotage]], monkeypatch: pytest.MonkeyPatch
) -> None:
    lab = FakeLab()
    said: list[str] = []
    proved: list[tuple[str, str, list[str], str]] = []

    def prove(
        _: Path, task: str, rule: str, scenarios: list[Scenario], folder: Path, copy: Path | None
    ) -> tuple[Run, process.Finished]:
        assert copy is None
        proved.append((task, rule, [scenario.name for scenario in scenarios], folder.name))
        kind: FailureKind | None = "criterion" if rule.startswith("Members") else None
        return run_with(rule, kind), process.Finished(1 if kind else 0, "", "", 0.1, False)

    monkeypatch.setattr(sabotage, "prove", prove)
    results = sabotage.perform(lab, root, work, said.append)
    assert [result.outcome for result in results] == ["caught", "survived"]
    assert lab.did == ["reset", "exec mail bash", "reset", "exec mail bash"]
    assert proved[0][2] == ["A member becomes root", "A new member becomes root"]
    assert said[0].startswith("[1/2] CAUGHT   1.2.1 somebody takes the rule away")
    assert sabotage_results.read(root / "build" / "sabotage.json") == results
    assert (root / ".lab" / "touched").exists(), "a killed run would leave a broken lab unnoticed"


PRETEND = """
from pathlib import Path

import proof.hosts.recorded_lab, proof.hosts.target
from proof.hosts.connections import Connections
from tests.fakes import FakeHost, FakeLab

pytest_plugins = ["proof.plugin.hooks"]
answers = {"answer root": "not root"} if Path("broken").exists() else {}
proof.hosts.recorded_lab.open_lab = FakeLab
proof.hosts.target._ask_ansible = lambda *_: {"_meta": {"hostvars": {}}, "all": {}}
Connections._connect = lambda self, name: FakeHost(name, answers, lambda *_: None, [])
"""


def test_a_real_run_on_the_broken_host_is_judged(
    root: Path, work: list[tuple[Feature, Sabotage]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    for name, text in {
        "conftest.py": PRETEND,
        "pytest.ini": "[pytest]\naddopts = --strict-markers\n",
        "provision/inventory/lab.yml": "all:\n",
        "steps/test_task_1_2_1.py": STEPS,
    }.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    assert sabotage.attempt(FakeLab(), root, work[0][1], work[0][0].rules[0].scenarios).outcome == "survived"
    (root / "broken").touch()
    verdict = sabotage.attempt(FakeLab(), root, work[0][1], work[0][0].rules[0].scenarios)
    assert verdict == sabotage.Verdict("caught", "A member becomes root")
    verdict = sabotage.attempt(FakeLab(), root, work[1][1], work[1][0].rules[1].scenarios)
    assert verdict.outcome == "survived"
    assert not (root / "build" / "runs").exists()


def test_a_sabotage_that_fails_itself_is_distinguished(
    root: Path, work: list[tuple[Feature, Sabotage]], monkeypatch: pytest.MonkeyPatch
) -> None:
    lab = FakeLab()
    monkeypatch.setattr(lab, "exec", lambda *_, **__: Done(1, b"", b"rm: no such file\n"))
    (result,) = sabotage.perform(lab, root, work[:1], lambda _: None)
    assert (result.outcome, result.detail) == (
        "error",
        "the sabotage itself ended with status 1: rm: no such file",
    )


def test_a_criterion_that_was_red_before_proves_nothing(root: Path, work: list[tuple[Feature, Sabotage]]) -> None:
    run_with("Members become root", "criterion").write(root / "build" / "runs" / "last" / "run.json")
    (result,) = sabotage.perform(FakeLab(), root, work[:1], lambda _: None)
    assert result.outcome == "error"
    assert "without a sabotage" in result.detail


def test_unknown_tasks_are_reported(root: Path) -> None:
    with pytest.raises(UsageError, match=r"1\.2\.1"):
        list(sabotage.chosen(feature_files.read_all(root / "features"), ["9.9.9"], []))


def test_sabotages_are_chosen_by_part_of_their_name(root: Path) -> None:
    features = feature_files.read_all(root / "features")
    assert [one.name for _, one in sabotage.chosen(features, ["1.2.1"], ["EVERYONE"])] == ["somebody lets everyone in"]


def test_those_that_were_caught_need_not_be_tried_again(work: list[tuple[Feature, Sabotage]]) -> None:
    (feature, one), *others = work

    def result(outcome: Outcome, content: str) -> Result:
        return Result(one.task, one.rule, one.name, outcome, "", 1.0, "2026-01-01T00:00:00Z", content)

    assert sabotage.rest(work, [result("caught", one.content)]) == others
    assert sabotage.rest(work, [result("caught", "as it was"), result("survived", one.content)]) == work
    assert feature.task == one.task


def test_a_damaged_log_is_begun_again(tmp_path: Path) -> None:
    (tmp_path / "sabotage.json").write_text("{")
    assert sabotage_results.read(tmp_path / "sabotage.json") == []


def test_a_fault_of_the_runner_is_made_in_a_copy(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in sources.COPIED:
        (root / name / "secrets").mkdir(parents=True)
        (root / name / "script.sh").write_text("as it was")
    fault = Sabotage("1.2.1", "a fault", "R", "runner", "echo broken > provision/script.sh", root / "x", 1)
    copies: list[Path | None] = []

    def prove(*given: object) -> tuple[Run, process.Finished]:
        copy = given[-1]
        assert isinstance(copy, Path)
        copies.append(copy)
        assert (copy / "provision" / "script.sh").read_text() == "broken\n"
        assert [path.name for path in (copy / "terraform").iterdir()] == ["script.sh"]
        return run_with("R", "criterion"), process.Finished(1, "", "", 0.1, False)

    monkeypatch.setattr(sabotage, "prove", prove)
    scenario = Scenario("a", 1, frozenset(), (), ((),))
    assert sabotage.attempt(FakeLab(), root, fault, [scenario]).outcome == "caught"
    assert (root / "provision" / "script.sh").read_text() == "as it was"
    assert len(copies) == 1


def test_on_request_each_is_tried_against_all_criteria(
    root: Path, work: list[tuple[Feature, Sabotage]], monkeypatch: pytest.MonkeyPatch
) -> None:
    lab = FakeLab()
    asked: list[str] = []

    def run_pytest(
        _root: Path, folder: Path, arguments: list[str], _copy: Path | None = None
    ) -> tuple[Run, process.Finished]:
        asked.append(f"{folder.name} {' '.join(arguments)}")
        return run_with("Members become root", "criterion"), process.Finished(1, "", "", 0.1, False)

    monkeypatch.setattr(sabotage, "run_pytest", run_pytest)
    assert sabotage.all_red(lab, root, work[0][1]) == ("1.2.1 Members become root",)
    assert lab.did == ["reset", "exec mail bash"]
    assert asked == ["1.2.1-somebody-takes-the-rule-away-all -m not disruptive"]
