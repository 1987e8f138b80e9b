import psycopg
import pytest

from lab.errors import EXIT_LAB_BROKEN, EXIT_USAGE, LabError
from proof.evidence import statement
from proof.evidence.record import Run
from tests.fakes import FEATURE, SABOTAGE, Project, make_project, unreachable


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Project:
    return make_project(pytester, monkeypatch)


def run_of(project: Project) -> Run:
    return Run.read(project.last / "run.json")


def test_without_a_host_only_unit_tests_run_and_the_hosts_are_named(project: Project) -> None:
    result = project.run()
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["*--host=NAME*lab, vultr*"])
    assert project.lab.did == []
    assert not project.last.exists()


def test_unknown_host_is_a_usage_error_that_names_the_known(project: Project) -> None:
    result = project.run("--host=moon")
    assert result.ret == EXIT_USAGE
    result.stderr.fnmatch_lines(["*'moon'*lab, mail-two, production, vultr*"])
    assert "Traceback" not in result.stderr.str() + result.stdout.str()


def test_a_provider_is_about_the_lab_alone(project: Project) -> None:
    result = project.run("--host=vultr", "--provider=vagrant")
    assert result.ret == EXIT_USAGE
    result.stderr.fnmatch_lines(["*--provider is about the lab's machines*--host=lab*"])
    assert project.run("--host=lab", "--provider=hyperv").ret == EXIT_USAGE


def test_scenarios_without_a_host_are_a_usage_error(project: Project) -> None:
    result = project.run("steps")
    assert result.ret == EXIT_USAGE
    result.stderr.fnmatch_lines(["*--host*lab, vultr*"])


def test_the_lab_is_brought_up_disruptive_runs_last_and_is_reset(project: Project) -> None:
    result = project.run("--host=lab")
    assert result.ret == 0, result.stdout.str()
    did = project.lab.did
    assert did[:2] == ["up", "connect mail"]
    assert did.count("reset") == 1
    assert did.index("mail: break it") > did.index("mail: refused daemon")
    assert did[-1] == "reset"
    run = run_of(project)
    assert (run.state, run.exit_status, run.target) == ("finished", 0, "lab")
    assert [scenario.state for scenario in run.scenarios] == ["passed"] * 4
    assert [scenario.name for scenario in run.scenarios][1:3] == ["nobody is refused", "daemon is refused"]
    step = run.scenarios[0].steps[0]
    assert (step.text, step.state) == ("the member asks", "passed")
    assert [(e.place, e.text, e.stdout) for e in step.evidence] == [("mail", "sudo -n id", "id")]
    result.stdout.fnmatch_lines(["*PASSED*1.2.1*A member becomes root*", "*All 2 criteria proved*"])


def test_a_task_is_chosen_by_its_tag(project: Project) -> None:
    result = project.run("--host=lab", "-m", "task-1.2.1 and not disruptive")
    assert result.ret == 0
    assert len(run_of(project).scenarios) == 3
    assert "reset" not in project.lab.did


def test_a_rule_is_chosen_by_its_text(project: Project) -> None:
    project.run("--host=lab", "--rule", "Others do not")
    assert {scenario.rule for scenario in run_of(project).scenarios} == {"Others do not"}


def test_production_never_sees_a_disruptive_scenario(project: Project) -> None:
    for arguments in ([], ["-m", "disruptive"], ["steps/test_task_1_2_1.py::test_a_new_member_becomes_root"]):
        project.lab.did.clear()
        result = project.run("--host=vultr", *arguments)
        assert "mail: break it" not in project.lab.did
        assert "up" not in project.lab.did
        result.stdout.fnmatch_lines(["*1 scenario skipped: not run against production*"])


def test_a_failed_criterion_shows_sentence_step_command_journal_and_rerun(project: Project) -> None:
    project.answers["answer root"] = "not root"
    result = project.run("--host=lab")
    assert result.ret == 1
    result.stdout.fnmatch_lines(
        [
            "*FAILED  1.2.1 A member becomes root*",
            "*criterion*1.2.1 Members become root*",
            "*step*Then the answer is root*(steps/test_task_1_2_1.py:*",
            "*the answer on mail is not root*",
            "*on mail: answer root*exit status 0*",
            "*journalctl says so*",
            "*again: pytest --host=lab steps/test_task_1_2_1.py::test_a_member_becomes_root*",
            "*1 of 2 criteria failed*",
        ]
    )
    assert "Traceback" not in result.stdout.str()
    assert (project.last / "artefacts" / "journal").exists()
    assert project.lab.did[-1] == "collect"


def test_a_broken_lab_ends_the_rest_fast_with_a_status_of_its_own(project: Project) -> None:
    project.answers["sudo -n id"] = LabError("The hub is gone.", "lab up")
    result = project.run("--host=lab")
    assert result.ret == EXIT_LAB_BROKEN
    run = run_of(project)
    assert [scenario.state for scenario in run.scenarios] == ["not run"] * 4
    assert "The hub is gone" in run.lab_error
    assert "mail: refused nobody" not in project.lab.did
    result.stdout.fnmatch_lines(["*ERROR OF THE LAB*", "*4 scenarios not run: the lab broke*"])


def test_failed_criterion_and_broken_lab_are_both_told(project: Project) -> None:
    project.answers["sudo -n id"] = AssertionError("no")
    project.answers["refused nobody"] = LabError("The hub is gone.")
    result = project.run("--host=lab")
    assert result.ret == EXIT_LAB_BROKEN
    result.stdout.fnmatch_lines(["*1 of 2 criteria failed; the lab broke*"])


def test_a_lab_that_does_not_come_up_is_no_failed_criterion(project: Project) -> None:
    project.lab.broken_up = True
    result = project.run("--host=lab")
    assert result.ret == EXIT_LAB_BROKEN
    result.stdout.fnmatch_lines(["*QEMU is not there*", "*apt install qemu*"])


def test_unreachable_but_alive_is_a_failed_criterion_with_what_was_seen(project: Project) -> None:
    project.answers["sudo -n id"] = unreachable()
    project.answers["mail: true"] = unreachable()
    result = project.run("--host=lab", "-m", "not disruptive")
    assert result.ret == 1
    run = run_of(project)
    assert [scenario.state for scenario in run.scenarios] == ["failed"] * 3
    failure = run.scenarios[0].failure
    assert failure is not None
    assert failure.kind == "unreachable"
    assert failure.seen_out_of_band[0].text == "ss -tlnp"
    assert "mail: refused nobody" not in project.lab.did, "a host known to be gone is asked again"
    result.stdout.fnmatch_lines(["*does not answer on its proper path*", "*ss says so*"])


def test_a_connection_lost_once_fails_one_scenario(project: Project) -> None:
    project.answers["sudo -n id"] = unreachable()
    project.run("--host=lab", "-m", "not disruptive")
    assert [scenario.state for scenario in run_of(project).scenarios] == ["failed", "passed", "passed"]


def test_a_silent_hub_is_a_broken_lab(project: Project) -> None:
    project.answers["sudo -n id"] = unreachable()
    project.answers["hub: true"] = unreachable()
    assert project.run("--host=lab").ret == EXIT_LAB_BROKEN
    assert "the hub" in run_of(project).lab_error


def test_unreachable_and_dead_out_of_band_is_a_broken_lab(project: Project) -> None:
    project.answers["sudo -n id"] = unreachable()
    project.lab.dead = True
    assert project.run("--host=lab").ret == EXIT_LAB_BROKEN


def test_after_a_reset_a_lost_host_is_asked_again(project: Project) -> None:
    more = FEATURE + "\n    @disruptive\n    Scenario: Another\n      Given a broken thing\n"
    project.write("features/task_1.2.1.feature", more)
    project.answers["answer root"] = project.answers["mail: true"] = unreachable()
    project.run("--host=lab", "-m", "disruptive")
    assert [scenario.state for scenario in run_of(project).scenarios] == ["failed", "passed"]


def test_an_interrupted_run_is_recorded_and_leaves_a_reset_lab(project: Project) -> None:
    project.answers["break it"] = KeyboardInterrupt()
    result = project.run("--host=lab")
    assert result.ret == pytest.ExitCode.INTERRUPTED
    run = run_of(project)
    assert (run.state, run.exit_status) == ("interrupted", 2)
    assert [scenario.state for scenario in run.scenarios] == ["passed"] * 3 + ["not run"]
    assert [did for did in project.lab.did if not did.startswith("close")][-1] == "reset"
    assert not (project.pytester.path / ".lab" / "touched").exists()


def test_a_silent_production_host_is_no_failed_criterion(project: Project) -> None:
    project.answers["sudo -n id"] = unreachable()
    result = project.run("--host=vultr")
    assert result.ret == EXIT_LAB_BROKEN
    result.stdout.fnmatch_lines(["*vultr did not answer*"])
    assert "of the lab" not in result.stdout.str().lower()


def test_without_production_nothing_runs_and_one_message_is_reported(project: Project) -> None:
    project.answers["greeting"] = unreachable()
    result = project.run("--host=vultr")
    assert result.ret == EXIT_LAB_BROKEN
    assert [did for did in project.lab.did if did.startswith("mail:")] == []
    assert {scenario.state for scenario in run_of(project).scenarios} == {"not run", "skipped"}
    result.stdout.fnmatch_lines(
        ["*3 scenarios not run: vultr did not answer*", "mail (*) cannot be reached: Connection refused", "  -> *sshd*"]
    )
    result.stdout.no_fnmatch_line("*NOT RUN*")
    result.stdout.no_fnmatch_line("*Criteria on*")


def test_what_a_killed_run_left_is_undone_first(project: Project) -> None:
    project.write(".lab/touched", "")
    project.run("--host=lab", "-m", "not disruptive")
    assert project.lab.did[:2] == ["up", "reset"]


def test_no_reset_neither_starts_nor_resets_the_lab(project: Project) -> None:
    folder = project.pytester.path / "elsewhere"
    project.run("--host=lab", "--no-reset", f"--run-folder={folder}")
    assert {"up", "reset"}.isdisjoint(project.lab.did)
    assert Run.read(folder / "run.json").exit_status == 0
    assert not project.last.exists()


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("the member asks", "the stranger asks", "task_1.2.1.feature:7: no step reads 'the stranger asks'"),
        ("@task-1.2.1 ", "", "task_1.2.1.feature:2: the feature lacks its tag @task-1.2.1"),
        ("A new member becomes root", "A member becomes root", "two scenarios are named"),
        ("Rule: Others do not", "Rule: Others never do", "no sabotage is there"),
    ],
)
def test_holes_in_features_fail_the_run_before_the_lab_starts(project: Project, old: str, new: str, said: str) -> None:
    project.write("features/task_1.2.1.feature", FEATURE.replace(old, new))
    result = project.run("--host=lab")
    assert result.ret == EXIT_USAGE
    assert said in result.stderr.str()
    assert project.lab.did == []


def test_a_feature_that_no_test_runs_fails_a_run_of_everything_only(project: Project) -> None:
    project.write("features/task_1.2.2.feature", FEATURE.replace("1.2.1", "1.2.2"))
    project.write("features/task_1.2.2.sabotage.yml", SABOTAGE)
    result = project.run("--host=lab")
    assert result.ret == EXIT_USAGE
    assert "task_1.2.2.feature:6: the scenario 'A member becomes root' has 1 case(s), but 0" in result.stderr.str()
    assert project.run("--host=lab", "-m", "task-1.2.1").ret == 0


def test_secrets_are_in_nothing_that_is_written(project: Project) -> None:
    key = "aB3" * 14 + "c="
    project.answers["sudo -n id"] = f"[Interface]\nPrivateKey = {key}\n"
    project.answers["answer root"] = "$y$j9T$abcdefgh$" + "x" * 43
    result = project.run("--host=lab")
    written = result.stdout.str() + "".join(
        path.read_text() for path in project.last.resolve().rglob("*") if path.is_file()
    )
    assert key not in written
    assert "x" * 43 not in written
    assert "[redacted]" in written


def test_an_error_in_the_steps_shows_where(project: Project) -> None:
    project.answers["answer root"] = KeyError("typo")
    result = project.run("--host=lab")
    assert result.ret == 1
    result.stdout.fnmatch_lines(["*ERROR IN THE STEPS*", "*KeyError: 'typo'*"])


def test_a_database_that_lets_no_one_in_is_a_failed_criterion(project: Project) -> None:
    project.answers["answer root"] = psycopg.OperationalError("the server closed the connection")
    project.run("--host=lab")
    failure = run_of(project).scenarios[0].failure
    assert failure is not None
    assert (failure.kind, failure.message) == ("criterion", "the server closed the connection")


def test_a_skip_counts_as_neither_proved_nor_failed(project: Project) -> None:
    project.write(
        "steps/conftest.py",
        "import pytest\n@pytest.fixture(autouse=True)\ndef _skip():\n    pytest.skip('a lab is smaller')\n",
    )
    result = project.run("--host=lab")
    assert result.ret == 0
    result.stdout.fnmatch_lines(["*4 scenarios skipped: a lab is smaller*", "0 of 2 criteria proved*"])


def test_a_run_ends_in_a_signed_statement(project: Project) -> None:
    project.run("--host=lab")
    claim = statement.read(project.last / statement.NAME, "run", {})
    assert len(claim.passed) == 4
    assert "nobody here trusts" in claim.problem
    assert len(statement.read_chain(project.last.parent / statement.CHAIN)) == 1


def test_a_key_that_cannot_sign_does_no_harm_to_the_results(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(statement.KEY_VARIABLE, str(project.write("key", "no key")))
    result = project.run("--host=lab")
    assert result.ret == 0
    result.stdout.fnmatch_lines(["*statement could not be written*is no key to sign with*"])


def test_what_stands_is_not_run_again(project: Project) -> None:
    project.write("features/tracker.yml", "fresh_days: {lab: null}\nmilestones: []\n")
    assert project.run("--host=lab", "--affected").ret == 0
    before = list(project.lab.did)
    result = project.run("--host=lab", "--affected")
    assert (result.ret, project.lab.did) == (0, before)
    result.stdout.fnmatch_lines(["4 scenarios stand as they were proved*"])
    steps = next((project.last.parents[2] / "steps").glob("test_*.py"))
    steps.write_text(steps.read_text() + "# changed\n")
    project.run("--host=lab", "--affected").assert_outcomes(passed=4)
