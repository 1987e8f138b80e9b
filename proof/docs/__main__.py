"""`make docs`: compute the documentation again. Exit status 1 if what it counts does not add up, 4 for wrong use."""

import argparse
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import cache, partial
from pathlib import Path

from lab import inventory
from lab.errors import LabError, UsageError
from lab.paths import BUILD, ROOT
from proof.docs import build, diagram, ledger, site
from proof.docs.build import Sources
from proof.docs.model import Document
from proof.gherkin.feature_files import FeatureSyntaxError
from proof.hosts.target import known
from proof.whole_host import reference
from proof.whole_host.reference import Change

SITE = "docs"  # in a build folder
TRACKER = ROOT / "docs" / "TRACKER.md"


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
    others = parser.parse_args(arguments).others
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
    site.tracker(document, TRACKER)
    ledger.write(
        ROOT / ledger.FOLDER, build.entries(sources, document), sources.sabotages, partial(build.hosts, sources)
    )
    print(f"{(BUILD / SITE).relative_to(ROOT)}/index.html, {TRACKER.relative_to(ROOT)} and {ledger.FOLDER}/")
    for damaged in document.damaged:
        print(f"left out: {damaged}", file=sys.stderr)
    for wrong in document.mismatches:
        print(f"does not add up: {wrong}", file=sys.stderr)
    return 1 if document.mismatches else 0


if __name__ == "__main__":
    sys.exit(main())
