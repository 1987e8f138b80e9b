"""`make docs`: compute the documentation again. Exit status 1 if what it counts does not add up, 4 for wrong use.

What of it is in git must be what the tree of the same commit gives: `--check` compares, and writes nothing there.
"""

import argparse
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import cache, partial
from pathlib import Path

from lab import inventory
from lab.errors import LabError, UsageError
from lab.paths import BUILD, ROOT
from proof.docs import build, diagram, ledger, pictures, site
from proof.docs.build import Sources
from proof.docs.model import Document
from proof.gherkin.feature_files import FeatureSyntaxError
from proof.hosts.target import known
from proof.whole_host import reference
from proof.whole_host.reference import Change

SITE = "docs"  # in a build folder
KEPT = ROOT / "docs"  # what of the documentation is in git
TRACKER, BADGE = "TRACKER.md", "badge.svg"
LEDGER = ledger.FOLDER.name


def gather(root: Path, builds: Sequence[Path]) -> Sources:
    """What the documentation of a checkout is made from; the first of the build folders keeps the history.

    Raises:
        UsageError: the plan cannot be read.
        FeatureSyntaxError: a feature or a file of sabotages cannot be read.
    """
    drawing = diagram.of(inventory.everything())
    return build.gather(root, builds, known(root), datetime.now(UTC), drawing, host_changed)


@cache
def _host_changed(made_from: tuple[tuple[str, str], ...]) -> Change | None:
    return reference.changed_since(dict(made_from))


def host_changed(made_from: Mapping[str, str]) -> Change | None:
    """As `reference.changed_since`, asked once for each provisioning."""
    return _host_changed(tuple(sorted(made_from.items())))


def make(root: Path, builds: Sequence[Path]) -> Document:
    """Compute the documentation of a checkout into the first of the build folders. Raises as `gather`."""
    return site.write(gather(root, builds), builds[0] / SITE)


def keep(sources: Sources, document: Document, folder: Path) -> None:
    """Write what is in git: the tracker, the badge and the ledger."""
    site.tracker(document, folder / TRACKER)
    site.badge(document, folder / BADGE)
    ledger.write(folder / LEDGER, build.entries(sources, document), sources.sabotages, partial(build.hosts, sources))


def outdated(sources: Sources, document: Document, kept: Path = KEPT) -> Iterator[str]:
    """What in git is not what the tree and its ledger give, each in a sentence."""
    with tempfile.TemporaryDirectory() as work:
        shutil.copytree(kept / LEDGER, Path(work) / LEDGER)
        keep(sources, document, Path(work))
        made = {path.relative_to(work): path.read_bytes() for path in Path(work).rglob("*") if path.is_file()}
    for name, content in sorted(made.items()):
        if not (kept / name).is_file() or (kept / name).read_bytes() != content:
            yield f"docs/{name} is not what this tree and its ledger give; make docs writes it"
    shown = pictures.shown(kept / pictures.TABLE)
    if shown not in {run.id for run in sources.runs.found}:
        yield f"docs/{pictures.TABLE} shows the run {shown}, which is not in the ledger; make pictures makes it again"


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; returns its exit status."""
    parser = argparse.ArgumentParser(prog="python -m proof.docs", description="Compute the documentation again.")
    parser.add_argument(
        "--with",
        dest="others",
        metavar="BUILD",
        type=Path,
        action="append",
        default=[],
        help="also count the runs and sabotages in the build/ folder of another checkout or machine",
    )
    parser.add_argument(
        "--check",
        action="store_true",
        help="write nothing to docs/; exit status 1 if what is there is not what this tree and its ledger give",
    )
    options = parser.parse_args(arguments)
    others = options.others
    try:
        missing = [str(other) for other in others if not other.is_dir()]
        if missing:
            raise UsageError(f"There is no folder {', '.join(missing)}.")
        sources = gather(ROOT, [BUILD, *others])
        document = site.write(sources, BUILD / SITE)
    except FeatureSyntaxError as error:
        print(error, file=sys.stderr)
        return UsageError.exit_status
    except LabError as error:
        print(error, file=sys.stderr)
        return error.exit_status
    wrong = list(document.mismatches)
    if options.check:
        wrong += outdated(sources, document)
    else:
        keep(sources, document, KEPT)
        print(f"{(BUILD / SITE).relative_to(ROOT)}/index.html; {TRACKER}, {BADGE} and {LEDGER}/ in docs/")
    for damaged in document.damaged:
        print(f"left out: {damaged}", file=sys.stderr)
    for each in wrong:
        print(f"does not add up: {each}", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
