"""The evidence that a page shows, and the whole of it in files beside the page."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from proof.docs.model import ScenarioView, TaskView
from proof.docs.runs import Found
from proof.evidence import shortened
from proof.record import Evidence, Scenario, scenario_in
from proof.report import rerun_line
from proof.runfolder import slug

FOLDER = "evidence"
ENOUGH = 4_000_000  # characters of one output that a file keeps: what a run itself keeps whole is less


@dataclass(frozen=True)
class Shown:
    """The newest evidence of a scenario on a target: the record, the line that runs it again, and the file with all."""

    scenario: Scenario
    again: str
    file: str
    sha256: str


def newest(task: TaskView, runs: Mapping[str, Found]) -> Iterator[tuple[ScenarioView, str, Found]]:
    """Scenarios of a task that have evidence, with target and run."""
    for criterion in task.criteria:
        for scenario in criterion.scenarios:
            for target, standing in scenario.standings.items():
                if standing.run:
                    yield scenario, target, runs[standing.run]


def write(site: Path, task: TaskView, runs: Mapping[str, Found]) -> dict[tuple[str, str], Shown]:
    """Write every file of a task's evidence; returns what a page needs, by scenario and target."""
    shown = {}
    folder = site / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    for view, target, run in newest(task, runs):
        try:
            scenario = scenario_in(run.scenarios[view.id])
        except (TypeError, KeyError, AttributeError):
            continue  # the states have it from the record's plain values; its details are not of this schema
        text = "\n".join(lines(scenario, run)).encode(errors="replace")
        name = f"{slug(view.id, 100)}.{slug(target)}.txt"
        (folder / name).write_bytes(text)
        again = rerun_line(target, scenario)
        shown[view.id, target] = Shown(scenario, again, f"{FOLDER}/{name}", hashlib.sha256(text).hexdigest())
    return shown


def lines(scenario: Scenario, run: Found) -> Iterator[str]:
    """All that was seen, as text."""
    yield f"{scenario.task} {scenario.rule}"
    yield f"{scenario.name}: {scenario.state} on {run.target}, {scenario.started}, run {run.id}"
    for step in scenario.steps:
        yield f"\n{step.keyword} {step.text}  [{step.state}, {step.seconds} s]".lstrip(" ")
        for one in step.evidence:
            yield from _evidence(one, run.folder)
    if scenario.failure is not None:
        yield f"\nFAILED: {scenario.failure.message}"
        yield from scenario.failure.traceback.splitlines()
        for one in scenario.failure.seen_out_of_band:
            yield from _evidence(one, run.folder)
        yield from (f"journal | {line}" for line in scenario.failure.journal)


def _evidence(one: Evidence, folder: Path) -> Iterator[str]:
    if one.kind == "note":
        yield f"  note: {one.text}"
        return
    ended = "" if one.exit_status is None else f", exit status {one.exit_status}"
    yield f"  {one.place}$ {one.text}  [{one.seconds} s{ended}]"
    for name, text, file in (("stdout", one.stdout, one.stdout_file), ("stderr", one.stderr, one.stderr_file)):
        yield from (f"    {name} | {line}" for line in _whole(text, file, folder).splitlines())


def _whole(text: str, file: str | None, folder: Path) -> str:
    if file is None:
        return text
    try:
        return (folder / file).read_text(encoding="utf-8", errors="replace")[:ENOUGH]
    except OSError:
        return f"{text}\n(the whole output was in {file}, which is gone)"


def fitting(shown: Sequence[Shown], budget: int) -> int:
    """How many characters of each output a page may show so that all of them together stay below a budget."""
    texts = [
        len(text)
        for one in shown
        for step in one.scenario.steps
        for evidence in step.evidence
        for text in (evidence.text, evidence.stdout, evidence.stderr)
    ]
    for limit in (4000, 2000, 1000, 500, 240, 120, 60):
        if sum(min(length, limit + 60) for length in texts) <= budget:
            return limit
    return 0


def cut(text: str, limit: int) -> str:
    """A text in at most about that many characters."""
    return shortened(text.rstrip(), limit) if limit else ""
