"""Renders the pages of a document with Jinja2. Every page opens from disk and stays small."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from markupsafe import escape

from proof.docs import trust
from proof.docs.model import AskedView, Document, TaskView
from proof.docs.states import STATES
from proof.docs.summary import open_points
from proof.evidence.recorder import shortened
from proof.report import terminal

TEMPLATES = Path(__file__).parent / "templates"
PAGE_BYTES = 300_000
EVIDENCE_BYTES = 200_000  # of a page: outputs and commands as HTML writes them; what surrounds them takes the rest
LIMITS = (4000, 2000, 1000, 500, 250, 120, 60, 0)  # characters of each text that a page may show
EACH = 120  # bytes of markup around a text
MARKS = {"verified": "✔", "failed": "✘", "stale": "◷", "not run": "○", "undefined": "?", "waived": "~"}
BAR = 10


@dataclass(frozen=True)
class Pages:
    """Renders pages of one document into a folder."""

    document: Document
    folder: Path
    environment: Environment

    @classmethod
    def of(cls, document: Document, folder: Path) -> "Pages":
        """Pages with the project's templates."""
        environment = Environment(
            loader=FileSystemLoader(TEMPLATES),
            autoescape=select_autoescape(["html", "svg"]),
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        environment.filters.update(duration=terminal.duration, day=day, minute=minute, cut=cut, bar=bar, size=size)
        environment.globals.update(document=document, marks=MARKS, states=STATES, open_points=open_points)
        return cls(document, folder, environment)

    def write(self, name: str, template: str, **values: object) -> int:
        """Render a template into a file; returns its size in bytes."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        up = os.path.relpath(self.folder, path.parent)
        text = self.environment.get_template(template).render(up="" if up == "." else f"{up}/", **values)
        return path.write_bytes(text.encode(errors="replace"))

    def task(self, task: TaskView) -> None:
        """A task's page, its evidence cut so that the page stays small."""
        for limit in LIMITS[LIMITS.index(fitting(task)) :]:
            if self.write(f"task/{task.id}.html", "task.html", task=task, limit=limit) < PAGE_BYTES:
                return

    def every(self) -> None:
        """The index, the runs, the faults, the drift of hosts, and a page for each task."""
        self.write("index.html", "index.html")
        self.write("runs.html", "runs.html")
        self.write("drift.html", "drift.html")
        self.write("faults.html", "faults.html", alone=trust.alone(self.document.faults))
        for task in self.document.tasks:
            self.task(task)


def fitting(task: TaskView) -> int:
    """How many characters of each text a task's page may show."""
    sizes = [len(escape(text)) for one in _asked(task) for text in (one.text, one.stdout, one.stderr) if text]
    for limit in LIMITS[:-1]:
        if sum(min(length, limit) + EACH for length in sizes) <= EVIDENCE_BYTES:
            return limit
    return LIMITS[-1]


def _asked(task: TaskView) -> Iterator[AskedView]:
    for criterion in task.criteria:
        for scenario in criterion.scenarios:
            for evidence in scenario.evidence.values():
                for step in evidence.steps:
                    yield from step.asked


def cut(text: str, limit: int) -> str:
    """A text in at most about that many characters."""
    return shortened(text.rstrip(), limit) if limit else ""


def day(text: str) -> str:
    """The date of a time."""
    return text[:10]


def minute(text: str) -> str:
    """A time of a record for people, in UTC."""
    return f"{text[:10]} {text[11:16]}" if text else "never"


def size(number: int) -> str:
    """Bytes for people."""
    return f"{number} B" if number < 1000 else f"{number / 1000:.1f} kB"


def bar(part: int, whole: int) -> str:
    """A progress bar; it is full only if nothing is missing."""
    full = BAR if whole and part == whole else min(BAR - 1, part * BAR // whole) if whole else 0
    return "▓" * full + "░" * (BAR - full)
