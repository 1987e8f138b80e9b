"""Figures of a benchmark: each with its measurements and, if there is one, its bound."""

import json
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.table import Table

from lab import atomic


@dataclass(frozen=True)
class Figure:
    """One measured number.

    Args:
        key: name in the file, such as `seconds.reset`.
        title: what was measured, for the reader.
        value: the number that counts.
        runs: every single measurement, in the order taken.
        bound: what it has to reach; None if nothing is asked.
        at_least: whether the bound is a floor (a ratio) or a ceiling (seconds, MiB).
    """

    key: str
    title: str
    value: float
    runs: Sequence[float]
    bound: float | None = None
    at_least: bool = False

    @property
    def reached(self) -> bool | None:
        """Whether the bound is reached; None if there is none."""
        if self.bound is None:
            return None
        return self.value >= self.bound if self.at_least else self.value <= self.bound

    @property
    def asked(self) -> str:
        """The bound in words."""
        if self.bound is None:
            return ""
        return f"{'>=' if self.at_least else '<='} {self.bound:g}"


def median(key: str, title: str, runs: Sequence[float], bound: float | None = None) -> Figure:
    """The figure that is the middle of its runs."""
    return Figure(key, title, statistics.median(runs), runs, bound)


def largest(key: str, title: str, runs: Sequence[float], bound: float | None = None) -> Figure:
    """The figure that is the worst of its runs."""
    return Figure(key, title, max(runs), runs, bound)


def ratio(key: str, title: str, slow: Sequence[float], fast: Sequence[float], bound: float) -> Figure:
    """How many times faster the second way is: median by median; the runs are those of the slow one."""
    typical = statistics.median(fast)
    runs = [seconds / typical for seconds in slow]
    return Figure(key, title, statistics.median(runs), runs, bound, at_least=True)


def write(path: Path, figures: Sequence[Figure], about: Mapping[str, object], *, keep: bool = False) -> None:
    """Write the figures as JSON: `key` is the number, `key.runs` its measurements; whole or not at all.

    With `keep`, figures that the file holds and that were not measured now stay.
    """
    content: dict[str, object] = json.loads(path.read_text()) if keep and path.exists() else {}
    content["about"] = dict(about)
    for figure in figures:
        content[figure.key] = round(figure.value, 3)
        content[f"{figure.key}.runs"] = [round(run, 3) for run in figure.runs]
    atomic.write(path, json.dumps(content, indent=2) + "\n")


def table(figures: Sequence[Figure], title: str) -> Table:
    """The figures for a person."""
    shown = Table(title=title)
    for heading in ("figure", "value", "asked", "", "runs"):
        shown.add_column(heading, justify="right" if heading in ("value", "asked") else "left")
    for figure in figures:
        verdict = {True: "[green]reached[/]", False: "[red]missed[/]", None: ""}[figure.reached]
        runs = "  ".join(f"{run:.4g}" for run in figure.runs)
        shown.add_row(f"{figure.title}\n[dim]{figure.key}[/]", f"{figure.value:.4g}", figure.asked, verdict, runs)
    return shown
