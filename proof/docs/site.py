"""Rendering: the site, the tracker in Markdown, and the exports, all from one document."""

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from proof import report
from proof.docs import evidence, exports, schema
from proof.docs.diagram import Drawing
from proof.docs.evidence import Shown
from proof.docs.model import Document, TaskView
from proof.docs.runs import Found

TEMPLATES = Path(__file__).parent / "templates"
BESIDE = ("style.css", "filter.js")
PAGE_BYTES = 300_000
EVIDENCE_BUDGET = 120_000  # characters of outputs on a page; what surrounds them and what HTML escapes takes the rest
MARKS = {"verified": "✔", "failed": "✘", "stale": "◷", "not run": "○", "undefined": "?", "waived": "~"}
BAR = 10


@dataclass(frozen=True)
class Pages:
    """Renders pages of one document below a folder."""

    document: Document
    folder: Path
    drawing: Drawing
    environment: Environment

    @classmethod
    def of(cls, document: Document, folder: Path, drawing: Drawing) -> "Pages":
        """Pages with the project's templates."""
        environment = Environment(
            loader=FileSystemLoader(TEMPLATES),
            autoescape=select_autoescape(["html", "svg"]),
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        environment.filters.update(duration=report.duration, day=day, minute=minute, cut=evidence.cut, bar=bar)
        environment.globals.update(document=document, drawing=drawing, marks=MARKS, states=tuple(MARKS))
        return cls(document, folder, drawing, environment)

    def write(self, name: str, template: str, **values: object) -> str:
        """Render a template into a file; returns the text."""
        text = self.environment.get_template(template).render(**values)
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return text

    def task(self, task: TaskView, shown: Mapping[tuple[str, str], Shown]) -> None:
        """A task's page, its evidence cut so that the page stays small."""
        budget = EVIDENCE_BUDGET
        while True:
            limit = evidence.fitting(list(shown.values()), budget)
            text = self.write(f"task/{task.id}.html", "task.html", task=task, shown=shown, limit=limit, up="../")
            if limit == 0 or len(text.encode()) < PAGE_BYTES:
                return
            budget //= 2


def render(document: Document, runs: Sequence[Found], folder: Path, drawing: Drawing) -> None:
    """Write the whole site; an earlier one in the folder is replaced when the new one is complete."""
    scratch = folder.with_name(f".{folder.name}.new")
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(parents=True)
    pages = Pages.of(document, scratch, drawing)
    by_id = {run.id: run for run in runs}
    every: dict[tuple[str, str], Shown] = {}
    for task in document.tasks:
        shown = evidence.write(scratch, task, by_id)
        pages.task(task, shown)
        every |= shown
    pages.write("index.html", "index.html", up="")
    for name in BESIDE:
        shutil.copy(TEMPLATES / name, scratch / name)
    (scratch / "data.json").write_text(json.dumps(document.as_json(), ensure_ascii=False, indent=1), encoding="utf-8")
    (scratch / "data.schema.json").write_text(json.dumps(schema.schema(), indent=1), encoding="utf-8")
    for target in document.targets:
        (scratch / f"junit-{target}.xml").write_bytes(exports.junit(document, target))
        (scratch / f"cucumber-{target}.json").write_text(exports.cucumber(document, target, every), encoding="utf-8")
    _replace(scratch, folder)


def _replace(scratch: Path, folder: Path) -> None:
    old = folder.with_name(f".{folder.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    if folder.exists():
        folder.rename(old)
    scratch.rename(folder)
    shutil.rmtree(old, ignore_errors=True)


def tracker(document: Document, path: Path, drawing: Drawing) -> None:
    """Write the tracker in the form that the operator's own had."""
    Pages.of(document, path.parent, drawing).write(path.name, "tracker.md")


def day(text: str) -> str:
    """The date of a time."""
    return text[:10]


def minute(text: str) -> str:
    """A time of a record for people, in UTC."""
    return f"{text[:10]} {text[11:16]}" if text else "never"


def bar(part: int, whole: int) -> str:
    """A progress bar; it is full only where nothing is missing."""
    full = BAR if whole and part == whole else min(BAR - 1, part * BAR // whole) if whole else 0
    return "▓" * full + "░" * (BAR - full)
