"""What holds of a scenario, a criterion and a task on a target. Absence of evidence is never a pass."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from proof.docs.plan import Waiver
from proof.docs.runs import Found
from proof.selection import ON_PRODUCTION

State = Literal["verified", "failed", "stale", "not run", "undefined", "waived"]
WORST_FIRST: tuple[State, ...] = ("failed", "undefined", "not run", "stale", "waived", "verified")
MADE_FROM = ("provision", "sql")  # folders whose change makes evidence stale, besides feature and steps


@dataclass(frozen=True)
class Today:
    """What evidence must be made from, and how old it may be, to count."""

    now: datetime
    contents: Mapping[str, str]
    tasks: Mapping[str, str]
    fresh_days: Mapping[str, int]


@dataclass(frozen=True)
class Standing:
    """What holds of one thing on one target.

    `since` begins the unbroken series of passes, `at` is the newest evidence, `run` the run that it is from; empty
    where there is none. `beyond` says that the target may not be broken, so that this is proved in a lab only.
    """

    state: State
    reason: str = ""
    since: str = ""
    at: str = ""
    run: str = ""
    seconds: float = 0.0
    beyond: bool = False


def of_scenario(scenario: str, task: str, runs: Sequence[Found], target: str, today: Today) -> Standing:
    """The standing of one case of a scenario, from the runs against a target, oldest first."""
    tried = [run for run in runs if run.target == target and _settled(run.scenarios.get(scenario))]
    if not tried:
        return Standing("not run", "no run against this target got to it")
    newest = tried[-1]
    found = newest.scenarios[scenario]
    common = {"at": found["started"] or newest.started, "run": newest.id, "seconds": found["seconds"]}
    if found["state"] == "skipped":
        return Standing("not run", found["reason"], beyond=found["reason"] == ON_PRODUCTION, **common)
    if found["state"] == "failed":
        failure = found.get("failure") or {}
        state: State = "undefined" if failure.get("kind") == "undefined" else "failed"
        return Standing(state, _first_line(failure.get("message", "")), **common)
    since = common["at"]
    for run in reversed(tried):
        if run.scenarios[scenario]["state"] != "passed":
            break
        since = run.scenarios[scenario]["started"] or run.started
    why = stale(newest, task, str(common["at"]), today)
    return Standing("stale" if why else "verified", why, since, **common)


def _settled(scenario: Mapping[str, Any] | None) -> bool:
    if scenario is None or scenario["state"] not in ("passed", "failed", "skipped"):
        return False
    return (scenario.get("failure") or {}).get("kind") != "lab"


def _first_line(text: str) -> str:
    return text.splitlines()[0] if text else "no word"


def stale(run: Found, task: str, at: str, today: Today) -> str:
    """Why evidence of a run no longer counts; empty where it does."""
    made_from = run.provenance.get("contents") or {}
    changed = [name for name in MADE_FROM if made_from.get(name) != today.contents.get(name)]
    if changed:
        return f"{' and '.join(changed)} changed since"
    if run.contents.get(task) != today.tasks.get(task):
        return "the feature or its steps changed since"
    days = today.fresh_days.get(run.target)
    if days is not None and today.now - moment(at) > timedelta(days=days):
        return f"older than {days} days"
    return ""


def moment(text: str) -> datetime:
    """A time of a record; one that cannot be read is older than any other."""
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return datetime.min.replace(tzinfo=UTC)


def of_criterion(cases: Sequence[Standing], waiver: Waiver | None, today: Today) -> Standing:
    """The standing of a Rule, from those of all its cases."""
    counted = [case for case in cases if not case.beyond]
    if counted:
        found = worst(counted)
    elif cases:
        found = Standing("not run", "its scenarios would break the host: proved in a lab only", beyond=True)
    else:
        found = Standing("undefined", "no scenario proves it")
    if waiver is None:
        return found
    said = f"waived by {waiver.author} until {waiver.expires}: {waiver.reason}"
    if today.now.date() >= waiver.expires:
        return Standing("failed", f"the waiver has expired; {said}")
    return found if found.state == "verified" else Standing("waived", said, at=found.at, run=found.run)


def worst(standings: Iterable[Standing]) -> Standing:
    """The worst of some standings, with the youngest beginning and the sum of their times; at least one is needed."""
    every = list(standings)
    first = min(every, key=lambda one: (WORST_FIRST.index(one.state), one.at))
    return Standing(
        first.state,
        first.reason,
        since=max(one.since for one in every) if first.state == "verified" else "",
        at=min(one.at for one in every) if first.state == "verified" else first.at,
        run=first.run,
        seconds=round(sum(one.seconds for one in every), 3),
        beyond=all(one.beyond for one in every),
    )
