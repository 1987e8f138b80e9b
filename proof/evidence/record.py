"""The record of a run: the source of its table, its failures and the documentation."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Self

import msgspec

from lab import atomic

SCHEMA = 1

ScenarioState = Literal["passed", "failed", "skipped", "not run"]
StepState = Literal["passed", "failed", "undefined", "not run"]
RunState = Literal["running", "finished", "interrupted"]
FailureKind = Literal["criterion", "unreachable", "undefined", "steps", "lab"]


@dataclass
class Evidence:
    """A command and what came back, or a note. Texts are redacted; `kind` is command or note.

    `stdout` and `stderr` hold what the report shows; if that is not all, `stdout_file` and `stderr_file`
    name files of the run's folder with the whole. `seconds` is the duration, `at` the run's time.
    """

    kind: Literal["command", "note"]
    text: str
    place: str = ""
    exit_status: int | None = None
    stdout: str = ""
    stderr: str = ""
    stdout_file: str | None = None
    stderr_file: str | None = None
    seconds: float = 0.0
    at: float = 0.0


@dataclass
class Step:
    """A step of a scenario; one with line 0 holds what happened before the first or after the last."""

    keyword: str
    text: str
    line: int
    state: StepState = "not run"
    seconds: float = 0.0
    evidence: list[Evidence] = field(default_factory=list)


@dataclass
class Failure:
    """Why a scenario did not pass: the message, the place in the steps, and the host's journal of that moment."""

    kind: FailureKind
    message: str
    where: str = ""
    traceback: str = ""
    journal: list[str] = field(default_factory=list)
    seen_out_of_band: list[Evidence] = field(default_factory=list)


@dataclass
class Scenario:
    """A case of a scenario; `case` distinguishes the rows of an outline, `id` is stable over runs.

    `scripts` are those of the host's own scripts that were read while it ran; None if that is unknown. `measured` are
    figures of the host by name, which ends in the unit.
    """

    id: str
    task: str
    rule: str
    name: str
    case: str
    disruptive: bool
    file: str
    line: int
    node: str
    state: ScenarioState = "not run"
    reason: str = ""
    started: str = ""
    seconds: float = 0.0
    steps: list[Step] = field(default_factory=list)
    failure: Failure | None = None
    scripts: list[str] | None = None
    measured: dict[str, float] = field(default_factory=dict)


@dataclass
class Criterion:
    """A Rule of the inventory; `cases` counts its scenarios, each row of examples as one."""

    name: str
    line: int
    scenarios: list[str]
    cases: int


@dataclass
class Task:
    """A feature of the inventory, with all of its criteria, run or not; `content` is a hash of it and of its steps."""

    id: str
    title: str
    file: str
    tags: list[str]
    criteria: list[Criterion]
    content: str = ""


@dataclass
class Run:
    """A run against one target. Times are UTC, ISO 8601; `seconds` is the duration."""

    id: str
    target: str
    started: str
    command: list[str]
    schema: int = SCHEMA
    state: RunState = "running"
    ended: str = ""
    seconds: float = 0.0
    exit_status: int | None = None
    lab_error: str = ""
    provenance: dict[str, Any] = field(default_factory=dict)
    inventory: list[Task] = field(default_factory=list)
    scenarios: list[Scenario] = field(default_factory=list)
    outside: list[Evidence] = field(default_factory=list)

    def write(self, path: Path) -> None:
        """Write the record as JSON; a reader sees the old one or the new one."""
        atomic.write(path, msgspec.json.format(msgspec.json.encode(self), indent=1).decode())

    @classmethod
    def read(cls, path: Path) -> Self:
        """The record in a file. Raises OSError, or ValueError if it is no record of this schema."""
        try:
            run = msgspec.json.decode(path.read_bytes(), type=cls)
        except msgspec.MsgspecError as error:
            raise ValueError(f"{path} is damaged: {error}") from error
        if run.schema != SCHEMA:
            raise ValueError(f"{path} has schema {run.schema}, not {SCHEMA}")
        return run


def canonical(part: Mapping[str, Any]) -> bytes:
    """A part of a record's JSON as a file; its hash is that of the evidence."""
    return msgspec.json.format(msgspec.json.encode(part), indent=2)


def scenario_in(data: object) -> Scenario:
    """The scenario in a part of a record's JSON. Raises ValueError if there is none."""
    try:
        return msgspec.convert(data, Scenario)
    except msgspec.MsgspecError as error:
        raise ValueError(f"no scenario: {error}") from error
