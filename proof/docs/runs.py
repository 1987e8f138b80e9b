"""What runs left behind: every record that can be read, and the name of each that cannot."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from proof import record


@dataclass(frozen=True)
class Found:
    """A run as its record tells it, and the folder that its evidence lies in.

    `scenarios` are the parts of the record's JSON, by the scenario's id: only few of them are ever shown whole.
    `contents` is by task the hash of its feature and steps, `provenance` what the run wrote down of itself.
    """

    id: str
    target: str
    state: str
    started: str
    ended: str
    seconds: float
    lab_error: str
    command: tuple[str, ...]
    provenance: Mapping[str, Any]
    contents: Mapping[str, str]
    scenarios: Mapping[str, Mapping[str, Any]]
    folder: Path

    @property
    def interrupted(self) -> bool:
        """Whether it never came to its end: stopped, or killed while it was running."""
        return self.state != "finished"


@dataclass(frozen=True)
class Runs:
    """Runs, oldest first, each once however often it was found; `damaged` are records that nobody can read."""

    found: tuple[Found, ...]
    damaged: tuple[str, ...]


def read(folders: Iterable[Path]) -> Runs:
    """All runs below these folders, such as build/runs of several machines."""
    known: dict[str, Found] = {}
    damaged = []
    for folder in folders:
        for path in sorted(folder.glob("[0-9]*Z-*/run.json")):
            try:
                found = _found(path)
            except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
                damaged.append(f"{path.parent.name}: {type(error).__name__}: {error}")
            else:
                known.setdefault(found.id, found)
    return Runs(tuple(sorted(known.values(), key=lambda one: one.started)), tuple(damaged))


def _found(path: Path) -> Found:
    data = json.loads(path.read_text(encoding="utf-8"))
    if data["schema"] != record.SCHEMA:
        raise ValueError(f"schema {data['schema']}, known is {record.SCHEMA}")
    for scenario in data["scenarios"]:
        if not {"id", "task", "rule", "name", "state", "started", "seconds", "reason"} <= set(scenario):
            raise ValueError(f"the scenario {scenario.get('id', 'without an id')} is not whole")
    return Found(
        id=str(data["id"]),
        target=str(data["target"]),
        state=str(data["state"]),
        started=str(data["started"]),
        ended=str(data["ended"]),
        seconds=float(data["seconds"]),
        lab_error=str(data["lab_error"]),
        command=tuple(map(str, data["command"])),
        provenance=dict(data["provenance"]),
        contents={task["id"]: task.get("content", "") for task in data["inventory"]},
        scenarios={scenario["id"]: scenario for scenario in data["scenarios"]},
        folder=path.parent,
    )
