"""`lab watch`: on every save, brings the lab up to date and runs the scenarios that the change affects."""

import argparse
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from watchfiles import DefaultFilter, watch

from lab.paths import ROOT
from proof.evidence.provenance import CONTENTS

NAMED = 3  # changed files that are named


def watched(root: Path) -> list[Path]:
    """Everything that results are made from."""
    return [root / name for name in CONTENTS]


def prove(arguments: Sequence[str]) -> int:
    """Bring the lab up to date and run what is affected; returns the exit status of what went wrong, or 0."""
    program = Path(sys.executable)
    for command in (["lab", "up"], ["pytest", "--host=lab", "--affected", *arguments]):
        status = subprocess.run([program.with_name(command[0]), *command[1:]], cwd=ROOT, check=False).returncode
        if status != 0:
            break
    return status


def told(paths: Iterable[str], root: Path) -> str:
    """The changed files as a person reads them."""
    names = sorted(str(Path(path).relative_to(root)) for path in paths)
    rest = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return f"{', '.join(names[:NAMED])}{rest}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Prove, and again after each change, until interrupted."""
    parser = argparse.ArgumentParser(
        prog="lab watch",
        description="Run the scenarios that a change affects, each time a file is saved from which results are made: "
        f"{', '.join(CONTENTS)}. Ctrl-C ends it.",
        epilog="Further arguments are pytest's.",
    )
    _, rest = parser.parse_known_args(arguments)
    prove(rest)
    for changes in watch(*watched(ROOT), watch_filter=DefaultFilter(), raise_interrupt=True):
        print(f"Changed: {told((path for _, path in changes), ROOT)}", flush=True)
        prove(rest)
    return 0
