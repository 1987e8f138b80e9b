from datetime import timedelta
from pathlib import Path

import pytest

from lab.errors import UsageError
from proof.docs.model import Trust
from proof.evidence import sabotage_results
from proof.evidence.sabotage_results import Result
from proof.gherkin import sabotage_files, tracker
from proof.whole_host.reference import Change
from tests.proof.docs.world import NOW, PLAN, World


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World.make(tmp_path)


def state(world: World, rule: int = 0, target: str = "lab") -> str:
    return world.document().tasks[0].criteria[rule].standings[target].state


def test_what_passed_is_verified_on_its_target_alone(world: World) -> None:
    world.run()
    assert (state(world), state(world, target="vultr")) == ("verified", "not run")


def test_a_task_without_a_feature_is_undefined_and_never_a_pass(world: World) -> None:
    world.run()
    assert world.document().tasks[1].standings["lab"].state == "undefined"


def test_absence_is_no_pass(world: World) -> None:
    assert state(world) == "not run"
    world.run(only="A ")
    assert (state(world, 0), state(world, 1)) == ("not run", "verified")
    assert world.document().tasks[0].standings["lab"].state == "not run"


def test_one_failed_scenario_fails_criterion_and_task(world: World) -> None:
    world.run(bob="failed")
    task = world.document().tasks[0]
    assert (task.criteria[0].standings["lab"].state, task.standings["lab"].state) == ("failed", "failed")
    assert task.criteria[0].standings["lab"].reason == "mail says no"


def test_the_newest_result_of_each_scenario_counts(world: World) -> None:
    world.run(age=timedelta(hours=3), bob="failed")
    world.run(age=timedelta(hours=2), only="bob")
    assert state(world) == "verified"


def test_a_scenario_that_gave_both_results_from_the_same_content_is_named(world: World) -> None:
    for _ in range(9):
        world.run()
    world.run(A="failed")
    scenario = next(one for one in world.document().tasks[0].criteria[0].scenarios if one.name.startswith("A"))
    found = scenario.unsteady["lab"]
    assert (found.failed, found.passed) == (1, 9)
    assert found.sentence == "failed in 1 of 10 runs of the same content: at most 35% of the time"


def test_a_failure_before_a_change_makes_no_scenario_unsteady(world: World) -> None:
    world.run(A="failed")
    (world.root / "steps/test_task_1_2_1.py").write_text("# mended\n")
    world.run()
    assert not any(one.unsteady for one in world.document().tasks[0].criteria[0].scenarios)


def test_old_evidence_is_stale(world: World) -> None:
    world.run(age=timedelta(days=8))
    assert state(world) == "stale"


@pytest.mark.parametrize("name", ["provision/task_1.2.1.yml", "sql/00.sql", "steps/test_task_1_2_1.py"])
def test_evidence_from_other_content_is_stale(world: World, name: str) -> None:
    world.run()
    (world.root / name).write_text("# changed\n")
    assert state(world) == "stale"


PLAYBOOK = "provision/task_1.2.1.yml"


def changed(world: World, name: str, host: Change | None, asked: str = "id") -> tuple[str, str]:
    """State and reason of a criterion after a change, by which the host differs so; `asked` is what the run did."""
    world.run(asked=asked)
    (world.root / name).write_text("# changed\n")
    standing = world.document(host_changed=lambda _: host).tasks[0].criteria[0].standings["lab"]
    return standing.state, standing.reason


def test_another_provisioning_that_makes_the_same_host_changes_nothing(world: World) -> None:
    assert changed(world, PLAYBOOK, Change()) == ("verified", "")


def test_a_difference_of_the_host_makes_stale_and_is_told(world: World) -> None:
    state, reason = changed(world, PLAYBOOK, Change(("files: new: /etc/x", "units: y"), None))
    assert (state, reason) == ("stale", "provision changed since, and the host in 2 points, such as files: new: /etc/x")


def test_a_host_that_nobody_knows_may_be_another(world: World) -> None:
    assert changed(world, PLAYBOOK, None) == ("stale", "provision changed since")


def test_who_applied_the_provisioning_depends_on_it_and_not_only_on_the_host(world: World) -> None:
    assert changed(world, PLAYBOOK, Change(), "ansible-playbook -i x")[0] == "stale"


OTHER = "provision/task_1.2.2.yml"
SCRIPT = "/opt/backup.sh"


@pytest.mark.parametrize(
    ("name", "applied", "read", "expected"),
    [
        (OTHER, "", [], "verified"),
        (OTHER, "", ["/opt/other.sh"], "verified"),
        (OTHER, "", [SCRIPT], "stale"),
        (OTHER, "", None, "stale"),
        (OTHER, PLAYBOOK, [], "verified"),
        (OTHER, OTHER, [], "stale"),
        (PLAYBOOK, "", [], "stale"),
    ],
)
def test_another_content_of_a_script_touches_its_own_task_and_who_read_or_applied_it(
    world: World, name: str, applied: str, read: list[str] | None, expected: str
) -> None:
    (world.root / OTHER).write_text("---\n")
    asked = f"ansible-playbook -i provision/inventory/lab.yml {applied}" if applied else "id"
    world.run(asked=asked, scripts=read)
    (world.root / name).write_text("# changed\n")
    host = Change((f"files: {SCRIPT}",), frozenset([SCRIPT]))
    assert world.document(host_changed=lambda _: host).tasks[0].criteria[0].standings["lab"].state == expected


def test_a_playbook_of_the_steps_that_changed_makes_stale_who_applied_it(world: World) -> None:
    path = world.root / "steps/playbooks/x.yml"
    path.parent.mkdir()
    path.write_text("---\n")
    world.run(asked="ansible-playbook -i provision/inventory/lab.yml provision/../steps/playbooks/x.yml")
    path.write_text("# changed\n")
    standing = world.document().tasks[0].criteria[0].standings["lab"]
    assert (standing.state, standing.reason) == ("stale", "steps/playbooks/x.yml changed since")


@pytest.mark.parametrize("name", ["provision/inventory/lab.yml", "sql/00.sql"])
def test_what_is_asked_of_the_host_or_is_no_part_of_the_snapshot_is_none_of_it(world: World, name: str) -> None:
    assert changed(world, name, Change())[0] == "stale"


def test_a_failure_stays_one_after_a_change(world: World) -> None:
    world.run(bob="failed")
    (world.root / "sql/00.sql").write_text("changed")
    assert state(world) == "failed"


def test_what_would_break_production_is_beyond_it(world: World) -> None:
    world.run(target="vultr")
    criterion = world.document().tasks[0].criteria[0]
    assert criterion.standings["vultr"].state == "verified"
    assert criterion.standings["vultr"].reason.startswith("by 1 of 3 scenarios")
    assert [one.standings["vultr"].beyond for one in criterion.scenarios] == [False, True, True]


def test_since_is_the_start_of_the_unbroken_series(world: World) -> None:
    world.run(age=timedelta(hours=9))
    world.run(age=timedelta(hours=8), bob="failed")
    first = world.run(age=timedelta(hours=7))
    world.run(age=timedelta(hours=6))
    criterion = world.document().tasks[0].criteria[0]
    assert criterion.standings["lab"].since == first.started
    assert [mark.state for mark in criterion.history["lab"]] == ["passed", "passed", "failed", "passed"]


def waive(world: World, expires: str) -> None:
    entry = f"{{task: 1.2.1, rule: Others do not, target: lab, author: ann, reason: later, expires: {expires}}}"
    (world.root / "features/tracker.yml").write_text(PLAN.replace("waivers: []", f"waivers:\n  - {entry}"))


def test_a_waiver_is_shown_with_its_reason_and_expires_into_a_failure(world: World) -> None:
    world.run(A="failed")
    waive(world, "2026-12-01")
    standing = world.document().tasks[0].criteria[1].standings["lab"]
    assert (standing.state, standing.reason) == ("waived", "waived by ann until 2026-12-01: later")
    assert world.document(now=NOW + timedelta(days=20)).tasks[0].criteria[1].standings["lab"].state == "failed"


def test_a_waiver_without_a_reason_is_refused(world: World) -> None:
    waive(world, "2026-12-01")
    path = world.root / "features/tracker.yml"
    path.write_text(path.read_text().replace("reason: later", "reason: ''"))
    with pytest.raises(UsageError, match="needs rule, target, author, reason and expires"):
        tracker.read(path)


def test_trust_counts_what_sabotages_as_they_are_now_have_shown(world: World) -> None:
    assert world.document().tasks[0].criteria[1].trust.sentence == "no sabotage run recorded here"
    assert world.document().tasks[0].criteria[0].trust.sentence == "it has no sabotage"
    (feature,) = world.sources().features
    (fault,) = sabotage_files.read(feature.path, "1.2.1")
    log = world.root / "build" / "sabotage.json"
    result = Result("1.2.1", fault.rule, fault.name, "caught", "", 1.0, "2026-11-19T10:00:00Z", fault.content)
    sabotage_results.keep(log, result)
    assert world.document().tasks[0].criteria[1].trust.caught == 1
    (world.root / "features/task_1.2.1.sabotage.yml").write_text("- {name: a fault, rule: Others do not, run: rm y}\n")
    assert world.document().tasks[0].criteria[1].trust.caught == 0


def test_a_lab_as_someone_left_it_proves_nothing(world: World) -> None:
    world.run(command=["pytest", "--host=lab", "--no-reset"])
    assert state(world) == "not run"
    assert [run.counts for run in world.document().runs] == [False]


def test_a_broken_lab_reports_nothing_of_the_host(world: World) -> None:
    world.run(age=timedelta(hours=3))
    world.run(age=timedelta(hours=2), bob="not run")
    assert state(world) == "verified"


def test_a_step_that_no_one_wrote_is_undefined(world: World) -> None:
    world.run(bob="failed", kind="undefined")
    assert state(world) == "undefined"


def test_a_waiver_of_what_holds_is_said_to_be_needless(world: World) -> None:
    world.run()
    waive(world, "2026-11-01")
    standing = world.document().tasks[0].criteria[1].standings["lab"]
    assert (standing.state, standing.reason[:16]) == ("verified", "no longer needed")


def test_the_last_run_of_sabotages_is_reported_and_what_no_one_tried(world: World) -> None:
    world.run()
    sentences = [
        Trust(sabotages=3, caught=1, survived=1, at="2026-11-19T10:00:00Z").sentence,
        Trust(sabotages=2, caught=2, survived=0, at="2026-11-19T10:00:00Z").sentence,
    ]
    assert sentences == [
        "caught 1 of 3 sabotages, 1 went unnoticed, 1 not tried, last run 2026-11-19",
        "caught 2 of 2 sabotages, last run 2026-11-19",
    ]
