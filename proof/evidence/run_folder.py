"""The folder of one run: its record, whole outputs, artefacts, and the link to the last one."""

import os
import re
import secrets
import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

LAST = "last"
KEPT = 100  # runs of a target whose evidence stays; older ones go, and the documentation keeps their results


def utc_now() -> str:
    """The time, UTC, to the millisecond."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def slug(text: str, longest: int = 60) -> str:
    """A text as part of a file's name."""
    return re.sub(r"[^a-z0-9.]+", "-", text.lower()).strip("-.")[:longest].rstrip("-.") or "x"


def made_by(runs: Path, target: str, run: Callable[[], int]) -> tuple[int, Path | None]:
    """Run pytest, and return its exit status and the folder of the run that it made; None if it made none.

    Args:
        runs: the folder of all runs.
        target: the host that is proved.
        run: runs it.
    """
    pattern = f"[0-9]*Z-{slug(target)}-??????"
    before = set(runs.glob(pattern))
    status = run()
    made = sorted(set(runs.glob(pattern)) - before)
    return status, made[-1] if made else None


class RunFolder:
    """Where one run writes; two runs never share one."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def create(cls, runs: Path, target: str) -> "RunFolder":
        """A new folder among the runs, named by UTC time, target and a random id; `last` leads to it.

        The oldest of the same target go.
        """
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
        path = runs / f"{stamp}-{slug(target)}-{secrets.token_hex(3)}"
        path.mkdir(parents=True)
        link = runs / f".{LAST}-{secrets.token_hex(3)}"
        link.symlink_to(path.name)
        link.replace(runs / LAST)
        for old in sorted(runs.glob(f"[0-9]*Z-{slug(target)}-??????"))[:-KEPT]:
            shutil.rmtree(old, ignore_errors=True)
        return cls(path)

    @classmethod
    def at(cls, path: Path) -> "RunFolder":
        """A folder named by the caller, made if it is missing; the link `last` is unchanged."""
        path.mkdir(parents=True, exist_ok=True)
        return cls(path)

    @property
    def id(self) -> str:
        """The run's id."""
        return self.path.name

    @property
    def record(self) -> Path:
        """The run's record."""
        return self.path / "run.json"

    @property
    def artefacts(self) -> Path:
        """What the lab's collection of logs and tables is written to."""
        return self.path / "artefacts"

    def keep(self, name: str, text: str) -> str:
        """Write a whole output to a file of the run; returns its path relative to the run's folder."""
        path = self.path / "evidence" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return str(path.relative_to(self.path))

    def shown(self) -> str:
        """The path for people: relative to the working directory if it is below that."""
        return os.path.relpath(self.path) if self.path.is_relative_to(Path.cwd()) else str(self.path)
