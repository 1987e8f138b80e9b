"""What the watch remembers of a host, and what of a new look is news. Only changes are."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal

import msgspec

from lab import atomic
from proof.report.terminal import duration

Level = Literal["red", "green", "note"]
REMIND = timedelta(hours=24)  # what is still so is told again
STALE_SOON = timedelta(days=2)  # before evidence no longer counts
SHOWN = 5  # criteria in one message; it has to fit a phone
FORMAT = 1


@dataclass(frozen=True)
class Message:
    """Something to tell, in a title and a few lines."""

    level: Level
    title: str
    body: str


@dataclass(frozen=True)
class Result:
    """How one criterion ended in a look: its task and sentence, what was seen if it is red, how to run it again.

    `measured` are figures of the host, by name.
    """

    task: str
    rule: str
    red: bool
    seen: str = ""
    again: str = ""
    measured: Mapping[str, float] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """Identifies the criterion."""
        return f"{self.task} {self.rule}"


@dataclass(frozen=True)
class Look:
    """One attempt to see the host; without results it could not be seen, and `why` says why."""

    at: datetime
    results: Sequence[Result] = ()
    why: str = ""
    scanned: bool = False


@dataclass(frozen=True)
class Criterion:
    """What is known of a criterion: whether it is red and since when, when that was told, when it was proved last."""

    red: bool
    since: datetime
    told: datetime | None = None
    proved: datetime | None = None
    stale_told: bool = False


@dataclass(frozen=True)
class Pause:
    """Planned work: until then the host is not looked at, and nothing is told."""

    until: datetime
    reason: str


@dataclass(frozen=True)
class Memory:
    """All that outlives a look; `tried` is the last attempt, `looked` the last one that saw the host.

    `unseen` is since when it was not seen, `unsent` is what no one could be told yet.
    """

    format: int = FORMAT
    criteria: Mapping[str, Criterion] = field(default_factory=dict)
    began: datetime | None = None
    tried: datetime | None = None
    looked: datetime | None = None
    scanned: datetime | None = None
    unseen: datetime | None = None
    unseen_told: datetime | None = None
    pause: Pause | None = None
    unsent: tuple[Message, ...] = ()

    def paused(self, now: datetime) -> bool:
        """Whether the host is being worked on."""
        return self.pause is not None and now < self.pause.until


def read(path: Path) -> Memory:
    """What is remembered; nothing if there is no file, or one that no one can read."""
    try:
        found = msgspec.json.decode(path.read_bytes(), type=Memory)
    except (OSError, msgspec.MsgspecError):
        return Memory()
    return found if found.format == FORMAT else Memory()


def write(path: Path, memory: Memory) -> None:
    """Keep it, for its owner alone."""
    atomic.write(path, msgspec.json.format(msgspec.json.encode(memory), indent=1).decode(), mode=0o600)


def after(memory: Memory, host: str, look: Look, fresh_days: int | None) -> tuple[Memory, list[Message]]:
    """What is remembered after a look, and what of it is news.

    Args:
        memory: from before.
        host: its name, for the messages.
        look: what was seen.
        fresh_days: how long evidence counts; None if it does for ever.
    """
    began = memory.began or look.at
    if look.why:
        return _unseen(replace(memory, tried=look.at, began=began), host, look)
    messages = []
    if memory.unseen_told:
        away = duration((look.at - (memory.unseen or look.at)).total_seconds())
        messages.append(Message("green", f"{host}: seen again", f"It was not seen for {away}."))
    known, told = _criteria(memory, look)
    messages += _news(host, look, known, told)
    known, soon = _about_to_be_stale(known, look.at, fresh_days)
    if soon:
        body = f"{_listed(soon)}\nEvidence counts for {fresh_days} days.\nproof watch run --host={host} --scan"
        messages.append(Message("note", f"{host}: {_criteria_are(soon)} about to be stale", body))
    memory = replace(
        memory,
        criteria=known,
        began=began,
        tried=look.at,
        looked=look.at,
        scanned=look.at if look.scanned else memory.scanned,
        unseen=None,
        unseen_told=None,
    )
    return memory, messages


def _unseen(memory: Memory, host: str, look: Look) -> tuple[Memory, list[Message]]:
    since = memory.unseen or look.at
    memory = replace(memory, unseen=since)
    if memory.unseen_told and look.at - memory.unseen_told < REMIND:
        return memory, []
    seen = f"{memory.looked:%Y-%m-%d %H:%M} UTC" if memory.looked else "the watch began"
    message = Message("red", f"{host}: not seen since {seen}", f"{look.why}\npytest --host={host}")
    return replace(memory, unseen_told=look.at), [message]


@dataclass
class _Told:
    """Criteria of a look by what is to be said of them, each with how long that was so before."""

    new: list[Result] = field(default_factory=list)
    still: list[tuple[Result, timedelta]] = field(default_factory=list)
    green: list[tuple[Result, timedelta]] = field(default_factory=list)


def _criteria(memory: Memory, look: Look) -> tuple[dict[str, Criterion], _Told]:
    known, told = dict(memory.criteria), _Told()
    for result in look.results:
        before = known.get(result.id)
        proved = look.at if not result.red else before.proved if before else None
        since = before.since if before and before.red == result.red else look.at
        now = Criterion(result.red, since, before.told if before and since == before.since else None, proved)
        if not result.red:
            if before and before.red and before.told:
                told.green.append((result, look.at - before.since))
        elif now.told is None:
            told.new.append(result)
            now = replace(now, told=look.at)
        elif look.at - now.told >= REMIND:
            told.still.append((result, look.at - since))
            now = replace(now, told=look.at)
        known[result.id] = now
    return known, told


def _news(host: str, look: Look, known: Mapping[str, Criterion], told: _Told) -> list[Message]:
    messages = []
    at = f"{look.at:%Y-%m-%d %H:%M} UTC"
    if told.new:
        seen = "\n".join(f"{one.id}\n  {one.seen}" for one in told.new[:SHOWN])
        body = f"{seen}{_more(told.new)}\nSince {at} at the latest.\n{told.new[0].again}"
        messages.append(Message("red", f"{host}: {_criteria_are([one.id for one in told.new])} red", body))
    if told.still:
        lines = "\n".join(f"{one.id}, for {_hours(past)}" for one, past in told.still[:SHOWN])
        body = f"{lines}{_more(told.still)}\n{told.still[0][0].again}"
        messages.append(Message("red", f"{host}: still red", body))
    if told.green:
        lines = "\n".join(f"{one.id}, after {_hours(past)}" for one, past in told.green[:SHOWN])
        left = sum(one.red for one in known.values())
        end = f"\n{left} still red." if left else "\nNothing is red."
        title = f"{host}: {_criteria_are([one.id for one, _ in told.green])} green again"
        messages.append(Message("green", title, f"{lines}{_more(told.green)}{end}"))
    return messages


def _about_to_be_stale(
    known: Mapping[str, Criterion], now: datetime, fresh_days: int | None
) -> tuple[dict[str, Criterion], list[str]]:
    """The criteria, and those that were proved so long ago that they will soon not count; each is told once."""
    if fresh_days is None:
        return dict(known), []
    last = now - timedelta(days=fresh_days) + STALE_SOON
    soon, after_it = [], {}
    for name, one in known.items():
        old = one.proved is not None and one.proved < last
        if old and not one.stale_told:
            soon.append(name)
        after_it[name] = replace(one, stale_told=old)
    return after_it, soon


def silence(memory: Memory, host: str, now: datetime, longest: timedelta) -> Message | None:
    """What to tell if no attempt was made for too long; None if all is well."""
    last = memory.tried or memory.began
    if memory.paused(now) or (last is not None and now - last <= longest):
        return None
    since = f"{last:%Y-%m-%d %H:%M} UTC" if last else "it was installed"
    body = (
        f"The watch on {host} has not run since {since}; whether the host is well is not known.\n"
        f"proof watch status --host={host}"
    )
    return Message("red", f"{host}: the watch is silent", body)


def _criteria_are(names: Sequence[str]) -> str:
    return "1 criterion is" if len(names) == 1 else f"{len(names)} criteria are"


def _listed(names: Sequence[str]) -> str:
    return "\n".join(names[:SHOWN]) + _more(names)


def _more(names: Sequence[object]) -> str:
    return f"\nand {len(names) - SHOWN} more" if len(names) > SHOWN else ""


def _hours(past: timedelta) -> str:
    hours = past.total_seconds() / 3600
    return f"{hours:.0f} h" if hours >= 1 else duration(past.total_seconds())
