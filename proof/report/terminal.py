"""The report of a run in the terminal: failures with everything needed to understand them, and the table of tasks."""

import io
import shlex
import textwrap
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from proof.evidence.record import Criterion, Evidence, Failure, Run, Scenario, Task
from proof.gherkin.feature_files import WHOLE_HOST
from proof.hosts.target import LAB

LINES_SHOWN = 25
CriterionState = Literal["proved", "failed", "skipped", "not run"]
STATES: tuple[CriterionState, ...] = ("proved", "failed", "not run", "skipped")
STYLES = {"proved": "green", "failed": "red", "skipped": "yellow", "not run": "yellow"}
FAILED_BECAUSE = {
    "criterion": "FAILED",
    "unreachable": "FAILED: the host does not answer on its proper path",
    "undefined": "UNDEFINED STEP",
    "steps": "ERROR IN THE STEPS",
    "lab": "THE HOST COULD NOT BE TESTED",
}


@dataclass(frozen=True)
class TaskResult:
    """A task's row: its criteria by state, its skipped scenarios, and the seconds its scenarios took."""

    task: Task
    criteria: Counter[CriterionState]
    skipped: int
    seconds: float


def criterion_state(criterion: Criterion, scenarios: Iterable[Scenario]) -> CriterionState:
    """The state of a Rule from its chosen scenarios; it is proved only if all its scenarios passed."""
    states = [scenario.state for scenario in scenarios]
    if "failed" in states:
        return "failed"
    if "not run" in states or len(states) < criterion.cases:
        return "not run"
    return "skipped" if "skipped" in states else "proved"


def results(run: Run) -> list[TaskResult]:
    """One result for each task with a chosen scenario."""
    found = []
    for task in run.inventory:
        chosen = [scenario for scenario in run.scenarios if scenario.task == task.id]
        if not chosen:
            continue
        criteria: Counter[CriterionState] = Counter(
            criterion_state(rule, [scenario for scenario in chosen if scenario.rule == rule.name])
            for rule in task.criteria
        )
        skipped = sum(scenario.state == "skipped" for scenario in chosen)
        found.append(TaskResult(task, criteria, skipped, sum(scenario.seconds for scenario in chosen)))
    return found


def duration(seconds: float) -> str:
    """Seconds for people: 0.4 s, 12 s, 3 min 05 s."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 60:
        return f"{seconds:.0f} s"
    return f"{int(seconds) // 60} min {int(seconds) % 60:02d} s"


def _count(number: int, style: str) -> Text:
    return Text(str(number), style=style) if number else Text("-", style="dim")


def table(run: Run) -> Table:
    """Tasks with their criteria by state, skipped scenarios and time."""
    shown = Table(title=f"Criteria on {run.target}", title_justify="left", pad_edge=False)
    shown.add_column("Task", overflow="fold")
    for state in STATES:
        shown.add_column(state, justify="right")
    shown.add_column("time", justify="right", no_wrap=True)
    rows = results(run)
    total: Counter[CriterionState] = Counter()
    for row in rows:
        total += row.criteria
        shown.add_row(
            row.task.title if row.task.id == WHOLE_HOST else f"{row.task.id} {row.task.title}",
            *(_count(row.criteria[state], STYLES[state]) for state in STATES),
            duration(row.seconds),
        )
    if len(rows) > 1:
        shown.add_section()
        shown.add_row(
            _counted(rows),
            *(_count(total[state], STYLES[state]) for state in STATES),
            duration(run.seconds),
        )
    return shown


def _counted(rows: Sequence[TaskResult]) -> str:
    """How many tasks, and whether the whole host, the rows are about."""
    tasks = sum(row.task.id != WHOLE_HOST for row in rows)
    return f"{tasks} task{'s' if tasks != 1 else ''}" + (" and the whole host" if tasks < len(rows) else "")


def wrapped(line: str, width: int) -> str:
    """A line in lines of at most `width` columns, broken between words."""
    return textwrap.fill(line, width, subsequent_indent=" " * 10, break_long_words=False, break_on_hyphens=False)


def reasons(run: Run) -> Iterator[Text]:
    """Why scenarios were skipped or not run, each reason once with their number."""
    counted = Counter((s.state, s.reason) for s in run.scenarios if s.state in ("skipped", "not run"))
    for (state, reason), number in counted.items():
        noun = "scenario" if number == 1 else "scenarios"
        yield Text(f"{number} {noun} {state}: {reason}", style="yellow")


def verdict(run: Run) -> Text:
    """One sentence on the whole run."""
    total: Counter[CriterionState] = Counter()
    for row in results(run):
        total += row.criteria
    failed, open_ = total["failed"], total["not run"] + total["skipped"]
    parts = []
    if failed:
        parts.append(f"{failed} of {total.total()} criteria failed")
    if run.lab_error:
        parts.append("the lab broke" if run.target == LAB else f"{run.target} did not answer")
    if run.state == "interrupted":
        parts.append("the run was interrupted")
    if not parts and open_:
        parts.append(f"{total['proved']} of {total.total()} criteria proved, {open_} not proved in this run")
    if not parts:
        parts.append(f"all {total.total()} criteria proved")
    sentence = "; ".join(parts)
    good = not failed and not run.lab_error and run.state != "interrupted"
    return Text(
        f"{sentence[0].upper()}{sentence[1:]}, in {duration(run.seconds)}.",
        style="bold green" if good else "bold red",
    )


def _last_lines(text: str) -> list[str]:
    lines = text.rstrip().splitlines()
    if len(lines) <= LINES_SHOWN:
        return lines
    return [f"[... {len(lines) - LINES_SHOWN} lines above ...]", *lines[-LINES_SHOWN:]]


def _evidence(evidence: Evidence) -> Iterator[Text]:
    if evidence.kind == "note":
        yield Text(f"note: {evidence.text}")
        return
    ended = "" if evidence.exit_status is None else f"exit status {evidence.exit_status}, "
    yield Text.assemble(
        (f"on {evidence.place}: ", "bold"), evidence.text, (f"  [{ended}{evidence.seconds:.2f} s]", "dim")
    )
    for name, text, file in (
        ("stdout", evidence.stdout, evidence.stdout_file),
        ("stderr", evidence.stderr, evidence.stderr_file),
    ):
        for line in _last_lines(text):
            yield Text(f"  {name} | {line}")
        if file:
            yield Text(f"  {name} | (all of it in {file})", style="dim")


def telling(scenario: Scenario) -> list[Evidence]:
    """What was asked last before the failure: of the step that failed, else of the last step that asked."""
    for step in reversed([step for step in scenario.steps if step.state != "not run"]):
        commands = [evidence for evidence in step.evidence if evidence.kind == "command"]
        notes = [evidence for evidence in step.evidence if evidence.kind == "note"]
        if commands or notes:
            return notes[-3:] + commands[-2:]
    return []


def again(target: str, node: str) -> str:
    """The command line that runs one scenario again, by the id of its test."""
    return f"pytest --host={target} {shlex.quote(node)}"


def failure(run: Run, scenario: Scenario) -> Iterator[RenderableType]:
    """Everything on a scenario that did not pass."""
    said = scenario.failure
    if said is None:
        return
    because = "ERROR OF THE LAB" if said.kind == "lab" and run.target == LAB else FAILED_BECAUSE[said.kind]
    yield Text(f"{because}  {scenario.task} {scenario.name}", style="bold red")
    grid = Table.grid(padding=(0, 2, 0, 2), pad_edge=True)
    grid.add_column(style="dim")
    grid.add_column(overflow="fold")
    grid.add_row("criterion", Text(f"{scenario.task} {scenario.rule}", style="bold"))
    grid.add_row("scenario", Text(f"{scenario.name}  ({scenario.file}:{scenario.line})"))
    step = next((step for step in reversed(scenario.steps) if step.line and step.state != "not run"), None)
    if step is not None:
        grid.add_row("step", Text(f"{step.keyword} {step.text}  ({said.where or f'line {step.line}'})"))
    grid.add_row("failed", Text(said.message.strip()))
    yield grid
    for line in _details(said, telling(scenario)):
        yield Text("  ").append_text(line)
    yield Text.assemble("  again: ", (again(run.target, scenario.node), "cyan"))
    yield Text("")


def _details(said: Failure, asked: Iterable[Evidence]) -> Iterator[Text]:
    yield from map(Text, said.traceback.splitlines())
    for evidence in asked:
        yield from _evidence(evidence)
    if said.seen_out_of_band:
        yield Text("What the out-of-band channel saw:", style="bold")
        for evidence in said.seen_out_of_band:
            yield from _evidence(evidence)
    if said.journal:
        yield Text("Journal of the host at that moment:", style="bold")
        yield from (Text(f"  {line}", style="dim") for line in said.journal)


def broke(run: Run) -> Iterator[Text]:
    """What broke other than a criterion, and the cure."""
    if run.lab_error:
        whose = "Error of the lab: " if run.target == LAB else ""
        yield Text(f"{whose}{run.lab_error}", style="bold red")


def as_text(parts: Iterable[RenderableType], *, width: int, colour: bool) -> str:
    """Everything as it shows on a terminal."""
    sink = io.StringIO()
    console = Console(file=sink, width=width, force_terminal=colour, color_system="standard" if colour else None)
    for part in parts:
        console.print(part, soft_wrap=isinstance(part, Text), highlight=False)  # a line can be copied whole
    return sink.getvalue()


def render(run: Run, folder: str, *, width: int, colour: bool) -> str:
    """The end of a run as text: failures, table, reasons, verdict, and the path of the evidence."""
    parts = [part for scenario in run.scenarios for part in failure(run, scenario)]
    if not run.lab_error or any(scenario.state in ("passed", "failed") for scenario in run.scenarios):
        parts.append(table(run))
    parts += [
        *(Text(wrapped(line.plain, width), style=line.style) for line in reasons(run)),
        *broke(run),
        verdict(run),
        Text(f"Evidence: {folder}", style="dim"),
    ]
    return as_text(parts, width=width, colour=colour)
