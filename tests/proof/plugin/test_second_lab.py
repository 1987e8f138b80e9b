from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from lab import project_copy
from lab.errors import EXIT_LAB_BROKEN, LabError
from proof.evidence.record import Evidence, Run, Scenario, ScenarioState, Step
from proof.plugin import second_lab
from proof.plugin.second_lab import Claims
from tests.fakes import Project, make_project

ROUGH = "A new member becomes root"


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Project:
    return make_project(pytester, monkeypatch)


@dataclass
class FakeSecond:
    """A second lab that has taken every scenario; `state` is what it found, None if it ended without a result."""

    claims: Claims
    state: ScenarioState | None
    ended: list[str] = field(default_factory=list)

    def result(self, scenario: Scenario) -> Scenario | None:
        if self.state is None:
            return None
        evidence = Evidence("command", "sudo -n id", "mail", 0, stdout_file="evidence/x.txt")
        steps = [Step("When", "the member asks", 1, "passed", evidence=[evidence])]
        found = {**vars(scenario), "node": "elsewhere", "state": self.state, "seconds": 3.5, "steps": steps}
        return Scenario(**found)

    def trouble(self) -> str:
        return "" if self.state else "its lab broke"

    def end(self, *, at_once: bool) -> None:
        self.ended.append("at once" if at_once else "in time")


def start_fake(monkeypatch: pytest.MonkeyPatch, state: ScenarioState | None) -> list[FakeSecond]:
    made: list[FakeSecond] = []

    def start(folder: Path, nodes: list[str]) -> FakeSecond:
        assert [node.rsplit("::", 1)[1] for node in nodes] == ["test_a_new_member_becomes_root"]
        claims = Claims(folder / "claims")
        monkeypatch.setattr(claims, "take", lambda _: False)
        made.append(FakeSecond(claims, state))
        return made[0]

    monkeypatch.setattr(second_lab.SecondLab, "start", start)
    monkeypatch.setattr(second_lab, "room", lambda _: "")
    return made


@pytest.mark.parametrize(
    ("program", "told"), [(None, "half-made"), ("raise SystemExit('busy')", "was not ended. busy"), ("", "")]
)
def test_a_second_lab_that_was_not_ended_is_reported(tmp_path: Path, program: str | None, told: str) -> None:
    (tmp_path / ".lab").mkdir()
    (tmp_path / "lab").mkdir()
    if program is not None:
        (tmp_path / "lab" / "__init__.py").touch()
        (tmp_path / "lab" / "cli.py").write_text(program)
    with pytest.raises(LabError, match=told) if told else nullcontext():
        project_copy.down(tmp_path)


def test_a_scenario_is_taken_once(tmp_path: Path) -> None:
    one, other = (Scenario(name, "1.2.1", "", name, "", True, "", 1, "") for name in ("a", "b"))
    first, second_ = Claims(tmp_path), Claims(tmp_path)
    assert (first.take(one), second_.take(one), second_.take(other), first.take(other)) == (True, False, True, False)


def test_what_the_second_lab_found_becomes_part_of_the_run(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    made = start_fake(monkeypatch, "passed")
    result = project.run("--host=lab", "--labs=2")
    assert result.ret == 0, result.stdout.str()
    result.assert_outcomes(passed=4)
    assert "mail: break it" not in project.lab.did
    record = next(one for one in Run.read(project.last / "run.json").scenarios if one.name == ROUGH)
    assert (record.state, record.seconds, record.node.split("::")[0]) == ("passed", 3.5, "steps/test_task_1_2_1.py")
    assert record.steps[0].evidence[0].stdout_file == "second/evidence/x.txt"
    assert made[0].ended == ["in time"]


def test_a_criterion_that_the_second_lab_found_failed_fails_the_run(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    start_fake(monkeypatch, "failed")
    assert project.run("--host=lab", "--labs=2").ret == 1


def test_what_a_broken_second_lab_had_taken_is_run_here(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    start_fake(monkeypatch, None)
    result = project.run("--host=lab", "--labs=2")
    assert result.ret == 0
    assert "mail: break it" in project.lab.did
    result.stdout.fnmatch_lines(["*second lab*its lab broke*"])


def test_a_second_run_takes_what_is_free_and_ends_its_lab(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("signal.signal", lambda *_: None)
    claims = tmp_path / "claims"
    result = project.run("--host=lab", f"--second-lab-claims={claims}", "-m", "disruptive")
    assert result.ret == 0
    assert "mail: break it" in project.lab.did
    assert project.lab.did[-1] == "down"
    assert len(list(claims.iterdir())) == 1
    project.lab.did.clear()
    project.run("--host=lab", f"--second-lab-claims={claims}", "-m", "disruptive")
    assert "mail: break it" not in project.lab.did


def test_few_scenarios_or_a_small_machine_need_no_second_lab(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    made = start_fake(monkeypatch, "passed")
    assert project.run("--host=lab").ret == 0
    monkeypatch.setattr(second_lab, "WORTH_IT", 1)
    monkeypatch.setattr(second_lab, "room", lambda _: "this machine has 1 processor")
    assert project.run("--host=lab").ret == 0
    assert not made


def test_who_asks_for_two_labs_gets_them_on_few_processors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {0, 1})
    monkeypatch.setattr("lab.tools.memory_available_mib", lambda: 1 << 20)
    assert "2 processors" in second_lab.room(asked=False)
    assert second_lab.room(asked=True) == ""
    monkeypatch.setattr("lab.tools.memory_available_mib", lambda: 100)
    assert "100 MiB" in second_lab.room(asked=True)


def test_a_lab_by_vagrant_has_none_beside_it(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    made = start_fake(monkeypatch, "passed")
    monkeypatch.setattr(second_lab, "WORTH_IT", 1)
    monkeypatch.setattr(type(project.lab), "origin", lambda _: {"provider": "vagrant"})
    assert project.run("--host=lab", "--provider=vagrant").ret == 0
    result = project.run("--host=lab", "--labs=2")
    assert result.ret == EXIT_LAB_BROKEN
    result.stdout.fnmatch_lines(["*no second lab: Vagrant keeps*", "*--labs=1*"])
    assert not made


def test_a_copy_holds_the_project_and_nothing_of_one_installation(tmp_path: Path) -> None:
    root, copy = tmp_path / "root", tmp_path / "copy"
    for name in ("lab/lab.py", "provision/host_vars/mail.yml", ".git/HEAD", "build/x", "terraform/terraform.tfstate"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(name)
    project_copy.make(root, copy)
    (copy / ".lab").mkdir()
    (copy / "lab/gone.py").write_text("")
    project_copy.make(root, copy)
    kept = sorted(str(path.relative_to(copy)) for path in copy.rglob("*") if path.is_file() or path.name == ".lab")
    assert kept == [".lab", "lab/lab.py"]
