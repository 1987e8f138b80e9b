"""Results of sabotages: one file over all runs, with the newest result of each sabotage."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from lab import atomic

LOG = "sabotage.json"  # in a build folder
SCHEMA = 1
Outcome = Literal["caught", "survived", "error"]


@dataclass(frozen=True)
class Result:
    """How one sabotage ended. `at` is UTC, `content` a hash of the script, `seconds` the whole attempt.

    `red` are all criteria without disruptive scenarios that it turned red, each as its task and sentence; None if they
    were not asked.
    """

    task: str
    rule: str
    name: str
    outcome: Outcome
    detail: str
    seconds: float
    at: str
    content: str
    red: tuple[str, ...] | None = None

    @classmethod
    def of(cls, entry: Mapping[str, Any]) -> "Result":
        """As it was written. Raises TypeError if that is no result."""
        red = entry.get("red")
        return cls(**{**entry, "red": None if red is None else tuple(red)})

    @property
    def key(self) -> tuple[str, str, str]:
        """Identifies a sabotage: task, Rule and name."""
        return self.task, self.rule, self.name


def read(path: Path) -> list[Result]:
    """The results in the file; none if it is missing or damaged."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        return [Result.of(entry) for entry in data["results"]] if data["schema"] == SCHEMA else []
    except (OSError, ValueError, KeyError, TypeError):
        return []


def keep(path: Path, result: Result) -> None:
    """Add a result, in place of an older one of the same sabotage."""
    results = {known.key: known for known in read(path)} | {result.key: result}
    ordered = [asdict(results[key]) for key in sorted(results)]
    atomic.write(path, json.dumps({"schema": SCHEMA, "results": ordered}, ensure_ascii=False, indent=1))
