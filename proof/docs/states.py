"""The state of a scenario, a criterion and a task on a target. Absence of evidence is never a pass."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Literal

from proof.docs.runs import UNKNOWN, Outcome, StoredRun
from proof.evidence.provenance import INVENTORY
from proof.gherkin.feature_files import WHOLE_HOST
from proof.gherkin.tracker import Waiver
from proof.whole_host.reference import MADE_FROM, Change

State = Literal["verified", "failed", "stale", "not run", "undefined", "waived"]
STATES: tuple[State, ...] = ("verified", "failed", "stale", "not run", "undefined", "waived")
WORST_FIRST: tuple[State, ...] = ("failed", "undefined", "not run", "stale", "waived", "verified")
ORDERED_BY = {"1.1.1": "terraform"}  # task -> one more folder whose change makes its evidence stale
SKIPPED = "skipped: "
# How today's host differs from that of the provisioning in a run's provenance; None if nobody knows.
HostChanged = Callable[[Mapping[str, str]], Change | None]
LAB_ONLY = "would break the host: proved in a lab only"


@dataclass(frozen=True)
class Today:
    """What evidence must be made from, and how old it may be, to count.

    `tasks` are hashes of feature and steps, `playbooks` those of all that a playbook is made of.
    """

    now: datetime
    contents: Mapping[str, str]
    tasks: Mapping[str, str]
    fresh_days: Mapping[str, int | None]
    host_changed: HostChanged = lambda _: None
    playbooks: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Standing:
    """What holds of one thing on one target.

    `since` began the unbroken series of passes, `at` began the run with the newest evidence, which is `run`; empty
    where there is none. `beyond` says that the target may not be broken, so that this is proved in a lab only.
    """

    state: State
    reason: str = ""
    since: str = ""
    at: str = ""
    run: str = ""
    seconds: float = 0.0
    beyond: bool = False

    @property
    def skipped(self) -> bool:
        """Whether the most recent run skipped it."""
        return self.state == "not run" and self.reason.startswith(SKIPPED)


def of_scenario(scenario: str, runs: Sequence[StoredRun], today: Today) -> Standing:
    """The standing of one case of a scenario, from the runs against one target, oldest first."""
    tried = _results(scenario, runs)
    if not tried:
        return Standing("not run", "not run yet")
    newest, outcome = tried[-1]
    found = Standing(
        "failed",
        outcome.message or outcome.reason,
        at=newest.started,
        run=newest.id,
        seconds=outcome.seconds,
    )
    if outcome.state == "skipped":
        return replace(found, state="not run", reason=f"{SKIPPED}{outcome.reason}")
    if outcome.state == "failed":
        return replace(found, state="undefined") if outcome.kind == "undefined" else found
    since = found.at
    for run, earlier in reversed(tried):
        if earlier.state != "passed":
            break
        since = earlier.since or run.started
    why = stale(newest, outcome, today)
    return replace(found, state="stale" if why else "verified", reason=why, since=since)


def counts(scenario: str, runs: Sequence[StoredRun], today: Today) -> bool:
    """Whether the newest result of a case is a pass or a skip, and what it was made from is as it was."""
    tried = _results(scenario, runs)
    if not tried:
        return False
    newest, outcome = tried[-1]
    return outcome.state != "failed" and not stale(newest, outcome, today)


def _results(scenario: str, runs: Sequence[StoredRun]) -> list[tuple[StoredRun, Outcome]]:
    """The runs in which a scenario came to a result, and that; if the lab broke under it, it came to none."""
    found = ((run, run.outcomes.get(scenario)) for run in runs)
    return [(run, outcome) for run, outcome in found if outcome is not None and outcome.state != "not run"]


def stale(run: StoredRun, outcome: Outcome, today: Today) -> str:
    """Why a result of a run no longer counts; empty if it does."""
    if why := _made_otherwise(run, outcome, today):
        return why
    if run.contents.get(outcome.task) != today.tasks.get(outcome.task):
        return "the feature or its steps changed since"
    days = today.fresh_days.get(run.target)
    if days is not None and today.now - moment(run.started) > timedelta(days=days):
        return f"older than {days} days"
    if run.folder is None and not outcome.evidence:
        return "its evidence is no longer there"
    return ""


def _made_otherwise(run: StoredRun, outcome: Outcome, today: Today) -> str:
    """How the host is made in another way than for a run, so that its result no longer counts; empty if it is not.

    Another provisioning that makes the same host changes nothing for a scenario that only looks at the host. Another
    content of a script changes nothing for one that did not read it, unless it is of the same task or compares the
    whole host. A scenario that applies playbooks depends on these, too. The inventory is more than all that: scenarios
    ask the host for what it says.
    """
    made_from = run.provenance.get("contents") or {}
    folders = (*MADE_FROM, *filter(None, [ORDERED_BY.get(outcome.task)]))
    unknown = [name for name in folders if name not in made_from]
    if unknown:
        return f"the run does not tell which {' and '.join(unknown)} it was made from"
    changed = [name for name in folders if made_from[name] != today.contents.get(name)]
    why = f"{' and '.join(changed)} changed since"
    if applied := _other_playbooks(run, outcome.playbooks, today):
        return f"{applied[0]} changed since"
    if changed != ["provision"] or made_from.get(INVENTORY) != today.contents.get(INVENTORY):
        return why if changed else ""
    host = today.host_changed(made_from)
    if host is None:
        return why
    if not host.differences or not _touched(run, outcome, host, today):
        return ""
    return f"{why}, and the host in {len(host.differences)} points, such as {host.differences[0].splitlines()[0]}"


def _touched(run: StoredRun, outcome: Outcome, host: Change, today: Today) -> bool:
    """Whether a difference of the host may change a result."""
    if host.scripts is None or outcome.scripts is None or outcome.task == WHOLE_HOST:
        return True
    own = _other_playbooks(run, [f"provision/task_{outcome.task}.yml"], today)
    return bool(own or host.scripts.intersection(outcome.scripts))


def _other_playbooks(run: StoredRun, names: Iterable[str], today: Today) -> list[str]:
    """Those of some playbooks that are made of other files than for a run, or may be."""
    then = run.provenance.get("playbooks")
    return [name for name in names if then is None or name == UNKNOWN or then.get(name) != today.playbooks.get(name)]


def moment(text: str) -> datetime:
    """A time of a record; one that cannot be read is older than any other."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return datetime.min.replace(tzinfo=UTC)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def of_criterion(cases: Sequence[Standing], waiver: Waiver | None, today: Today) -> Standing:
    """The standing of a Rule, from those of all its cases."""
    counted = [case for case in cases if not case.beyond]
    if counted:
        found = worst(counted)
        if found.state == "verified" and len(counted) < len(cases):
            some = f"by {len(counted)} of {len(cases)} scenarios; the rest {LAB_ONLY}"
            found = replace(found, reason=some)
    elif cases:
        found = Standing("not run", LAB_ONLY, beyond=True)
    else:
        found = Standing("undefined", "no scenario proves it")
    if waiver is None:
        return found
    said = f"waived by {waiver.author} until {waiver.expires}: {waiver.reason}"
    if found.state == "verified":
        return replace(found, reason=f"no longer needed: {said}")
    if today.now.date() >= waiver.expires:
        return replace(found, state="failed", reason=f"the waiver has expired; {said}", beyond=False)
    return replace(found, state="waived", reason=said, beyond=False)


def worst(standings: Iterable[Standing]) -> Standing:
    """The worst of some standings, with the youngest beginning and the sum of their times; at least one is needed."""
    every = list(standings)
    first = min(every, key=lambda one: (WORST_FIRST.index(one.state), one.at))  # of the worst, the oldest evidence
    good = first.state == "verified"
    return replace(
        first,
        reason="" if good else first.reason,
        since=max(one.since for one in every) if good else "",
        seconds=round(sum(one.seconds for one in every), 3),
        beyond=all(one.beyond for one in every),
    )


def of_task(criteria: Sequence[Standing]) -> Standing:
    """The standing of a task, from those of its criteria; criteria beyond the target do not count against it."""
    if not criteria:
        return Standing("undefined", "no feature states what must hold")
    counted = [one for one in criteria if not one.beyond]
    return worst(counted) if counted else criteria[0]
