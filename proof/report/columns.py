"""The runs of several hosts as one report: failures of all, one table with a column for each, a verdict for each."""

import shutil
from collections.abc import Mapping, Sequence

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from proof.evidence.record import Run
from proof.report import terminal
from proof.report.terminal import STATES, STYLES, TaskResult

NARROWEST = 80
NO_TERMINAL = (110, 24)

Runs = Sequence[tuple[str, Run | None]]


def width() -> int:
    """Columns of characters to write in."""
    return max(shutil.get_terminal_size(NO_TERMINAL).columns, NARROWEST)


def cell(result: TaskResult | None) -> Text:
    """A task on one host: how many of its criteria are in which state, and nothing if none was chosen."""
    if result is None:
        return Text("-", style="dim")
    counted = [(result.criteria[state], state) for state in STATES if result.criteria[state]]
    return Text(", ").join(Text(f"{number} {state}", style=STYLES[state]) for number, state in counted)


def table(runs: Runs) -> Table:
    """Tasks in rows, hosts in columns."""
    shown = Table(title="Criteria on " + ", ".join(name for name, _ in runs), title_justify="left", pad_edge=False)
    shown.add_column("Task", overflow="fold")
    results: dict[str, dict[str, TaskResult]] = {}
    titles: dict[str, str] = {}
    for name, run in runs:
        shown.add_column(name)
        results[name] = {result.task.id: result for result in (terminal.results(run) if run else [])}
        titles |= {task: result.task.title for task, result in results[name].items()}
    for task in sorted(titles, key=lambda each: [int(part) for part in each.split(".")]):
        shown.add_row(f"{task} {titles[task]}", *(cell(results[name].get(task)) for name, _ in runs))
    return shown


def _verdict(name: str, run: Run | None, folder: str) -> list[Text]:
    if run is None:
        return [Text(f"{name}: its process ended without a record.", style="bold red")]
    lines = [
        *terminal.reasons(run),
        *terminal.broke(run),
        terminal.verdict(run),
        Text(f"Evidence: {folder}", style="dim"),
    ]
    return [Text(f"{name}: ").append_text(line) for line in lines]


def render(runs: Runs, folders: Mapping[str, str], *, width: int, colour: bool) -> str:
    """The end of the runs as text."""
    parts: list[RenderableType] = []
    for _, run in runs:
        for scenario in run.scenarios if run else ():
            parts += terminal.failure(run, scenario) if run else ()
    parts.append(table(runs))
    for name, run in runs:
        parts += _verdict(name, run, folders.get(name, ""))
    return terminal.as_text(parts, width=width, colour=colour)
