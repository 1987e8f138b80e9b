from proof.evidence.record import Criterion, Run, Scenario, ScenarioState
from proof.report import terminal
from tests.proof.evidence.test_record import example


def scenario(state: ScenarioState) -> Scenario:
    return Scenario("id", "1.2.1", "R", "a", "", False, "features/x", 3, "steps/x::a b", state)


def test_only_all_scenarios_passed_prove_a_criterion() -> None:
    rule = Criterion("R", 1, ["a", "b"], 2)
    cases: list[tuple[list[ScenarioState], str]] = [
        (["passed", "passed"], "proved"),
        (["passed"], "not run"),
        ([], "not run"),
        (["passed", "skipped"], "skipped"),
        (["skipped", "not run"], "not run"),
        (["not run", "failed"], "failed"),
    ]
    for states, expected in cases:
        assert terminal.criterion_state(rule, [scenario(state) for state in states]) == expected


def test_durations_are_for_people() -> None:
    assert [terminal.duration(seconds) for seconds in (0.44, 12.4, 185.0)] == ["0.4 s", "12 s", "3 min 05 s"]


def test_a_command_line_to_run_it_again_is_quoted() -> None:
    assert terminal.again("lab", scenario("failed").node) == "pytest --host=lab 'steps/x::a b'"


def test_everything_needed_is_in_the_text() -> None:
    text = terminal.render(example(), "build/runs/x", width=100, colour=False)
    for part in ("1.2.1 Sudo", "it holds", "on mail: id", "stdout | root", "a line", "again: pytest --host=lab"):
        assert part in text
    assert "\x1b" not in text


def test_an_interrupted_run_is_reported() -> None:
    run = Run("id", "lab", "", [], state="interrupted")
    assert "interrupted" in terminal.verdict(run).plain
