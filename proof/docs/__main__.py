"""`make docs`: compute the documentation anew. Exit status 1 where what it counts does not add up, 4 for wrong use."""

import argparse
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from lab import inventory
from lab.errors import EXIT_USAGE, UsageError
from lab.paths import BUILD, ROOT
from proof.docs import build, diagram, runs, site
from proof.featurefiles import FeatureSyntaxError
from proof.target import known

SITE = BUILD / "docs"
TRACKER = ROOT / "docs" / "TRACKER.md"


def make(root: Path, builds: Sequence[Path], folder: Path, tracker: Path | None) -> list[str]:
    """Compute and write everything; returns where counts differ.

    Args:
        root: the checkout whose features and provisioning count as today's.
        builds: folders like build/: runs/ and sabotage.json in each are evidence.
        folder: where the site goes.
        tracker: where the tracker in Markdown goes; nowhere where None.

    Raises:
        UsageError: the plan cannot be read.
        FeatureSyntaxError: a feature cannot be read.
    """
    found = runs.read([one / "runs" for one in builds])
    sources = build.gather(root, builds, known(root), datetime.now(UTC), found)
    document = build.document(sources)
    drawing = diagram.of(inventory.everything())
    site.render(document, found.found, folder, drawing)
    if tracker is not None:
        site.tracker(document, tracker, drawing)
    return build.mismatches(sources, document)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; returns its exit status."""
    parser = argparse.ArgumentParser(prog="python -m proof.docs", description="Compute the documentation anew.")
    parser.add_argument(
        "--with",
        dest="others",
        metavar="BUILD",
        type=Path,
        action="append",
        default=[],
        help="also count the runs and sabotages in the build/ folder of another checkout or machine",
    )
    options = parser.parse_args(arguments)
    missing = [str(other) for other in options.others if not other.is_dir()]
    if missing:
        print(f"There is no folder {', '.join(missing)}.", file=sys.stderr)
        return EXIT_USAGE
    try:
        wrong = make(ROOT, [BUILD, *options.others], SITE, TRACKER)
    except (UsageError, FeatureSyntaxError) as error:
        print(error, file=sys.stderr)
        return EXIT_USAGE
    print(f"{SITE.relative_to(ROOT)}/index.html and {TRACKER.relative_to(ROOT)}")
    for each in wrong:
        print(f"does not add up: {each}", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
