"""1.2.2: no trace of the image's own user, and a removal that can run again."""

from collections.abc import Callable

from pytest_bdd import given, parsers, scenarios, then, when
from testinfra.host import Host

from lab.provisioning import Play
from proof.hosts.recorded_lab import RecordedLab
from proof.probes import accounts
from steps import staging
from steps.shared.playbooks import provisioning_changes_nothing, provisioning_succeeds

scenarios("../features/task_1.2.2.feature")

REMOVAL = "task_1.2.2.yml"
KINDS = {
    "account and no group of that name": "account",
    "home": "home",
    "mail spool": "mail",
    "jobs": "jobs",
    "sudo rule": "sudo",
}
NEVER_THERE = "neverhere"

Traces = dict[str, list[str]]


def traces_of(mail: Host, user: str) -> Traces:
    """Where the host still knows a user, by kind."""
    found: Traces = mail.call(accounts.traces, user)
    return found


@when(parsers.parse("the mail host is searched for traces of {user}"), target_fixture="traces")
def search(mail: Host, user: str) -> Traces:
    return traces_of(mail, user)


@then(parsers.parse("it has no {what}"))
def has_none(traces: Traces, what: str) -> None:
    found = traces[KINDS[what]]
    assert not found, f"traces on mail: {found}"


@given(parsers.parse("{user} is back with files everywhere, mail, cron jobs, a sudo rule and a running program"))
def is_back(lab: RecordedLab, mail: Host, user: str) -> None:
    """Every kind of trace there is."""
    staging.busy_user(lab, user)
    missing = [kind for kind, places in traces_of(mail, user).items() if not places]
    assert not missing, f"the stage is not set: {user} left no trace of the kinds {missing}"


@when(parsers.parse("the removal of {user} runs twice"), target_fixture="runs")
def remove_twice(play: Callable[..., Play], user: str) -> tuple[Play, Play]:
    """The task's playbook, and once more."""
    extra = {"vendor_user": user}
    return play(REMOVAL, extra=extra), play(REMOVAL, extra=extra)


@when("the removal of a user that this host never had runs", target_fixture="played")
def remove_stranger(play: Callable[..., Play]) -> Play:
    """The task's playbook, with a name that no one ever had."""
    return play(REMOVAL, extra={"vendor_user": NEVER_THERE})


@then("the first run succeeds and the second changes nothing")
def first_and_second(runs: tuple[Play, Play]) -> None:
    """All the work is done in the first run."""
    first, second = runs
    provisioning_succeeds(first)
    provisioning_changes_nothing(second)


@then(parsers.parse("no trace of {user} is left"))
def no_trace(mail: Host, user: str) -> None:
    """Neither in files nor at work."""
    found = [place for places in traces_of(mail, user).values() for place in places]
    programs = mail.run("pgrep --list-full --uid 1042")
    assert not found, f"on mail, the removal left traces of {user}: {found}"
    assert programs.rc == 1, f"on mail, programs of {user} still run: {programs.stdout}"
