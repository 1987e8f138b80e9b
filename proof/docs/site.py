"""Writes the whole site into a folder: pages, evidence, data and exports. A reader sees the old site or the new one."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import msgspec

from lab import locks, scratch
from proof.docs import build, exports, reconcile, schema
from proof.docs.build import Sources
from proof.docs.evidence import Evidence
from proof.docs.ledger import STATEMENTS
from proof.docs.model import Document, EvidenceView
from proof.docs.pages import TEMPLATES, Pages
from proof.evidence import statement

BESIDE = ("style.css", "filter.js")


def write(sources: Sources, folder: Path) -> Document:
    """Compute the document and write its site; an earlier one is replaced when the new one is complete."""
    with _new(folder) as site:
        evidence = Evidence(site)
        document = build.document(sources, evidence)
        document = replace(document, mismatches=reconcile.mismatches(sources, document))
        Pages.of(document, site).every()
        for name in BESIDE:
            shutil.copy(TEMPLATES / name, site / name)
        (site / "data.json").write_bytes(msgspec.json.encode(document))
        (site / "data.schema.json").write_bytes(msgspec.json.format(msgspec.json.encode(schema.schema()), indent=2))
        for target in document.targets:
            (site / f"junit-{target}.xml").write_bytes(exports.junit(document, target))
            (site / f"cucumber-{target}.json").write_bytes(msgspec.json.encode(exports.cucumber(document, target)))
        for run in {one.run for one in _shown(document)}:
            _statement(sources, run, site)
        return document


def _shown(document: Document) -> Iterator[EvidenceView]:
    """All evidence on the pages."""
    for task in document.tasks:
        for criterion in task.criteria:
            for scenario in criterion.scenarios:
                yield from scenario.evidence.values()


def _statement(sources: Sources, run: str, site: Path) -> None:
    """Put what the owner of a run signed beside its evidence."""
    folder = next((one.folder for one in sources.runs.found if one.id == run), None)
    if folder is not None and (folder / statement.NAME).exists():
        (site / STATEMENTS).mkdir(exist_ok=True)
        shutil.copy(folder / statement.NAME, site / STATEMENTS / f"{run}.json")


@contextmanager
def _new(folder: Path) -> Iterator[Path]:
    """A folder that takes the other's place where the body succeeds; two at once do not mix."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with scratch.folder(folder.parent, f".{folder.name}-") as work:
        site = work / "new"
        site.mkdir()
        yield site
        with locks.hold(folder.parent):
            if folder.exists():
                folder.rename(work / "old")
            site.rename(folder)


def tracker(document: Document, path: Path) -> None:
    """Write the tracker in the form that the operator's own had."""
    Pages.of(document, path.parent).write(path.name, "tracker.md")


def badge(document: Document, path: Path) -> None:
    """Write how many criteria are proved on each target, as a small SVG picture."""
    Pages.of(document, path.parent).write(path.name, "badge.svg")
