"""The newest look at each target's whole host, for whoever compares it with the next one."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from lab import atomic
from lab.paths import BUILD
from proof.evidence.run_folder import utc_now
from proof.whole_host.comparison import HostSnapshot

FOLDER = BUILD / "looks"
ASKED = 50  # files of which the host is asked what it knows


@dataclass(frozen=True)
class Look:
    """What was seen of a host, section by section, and when (UTC).

    `origins` says of files that changed since the look before it what the host knows of them: package, owner, time.
    """

    at: str
    taken: HostSnapshot
    origins: Mapping[str, str] = field(default_factory=dict)


def keep(target: str, taken: HostSnapshot, origins: Mapping[str, str], folder: Path = FOLDER) -> None:
    """Keep a look in place of the one before; readable for its owner alone."""
    look = {"at": utc_now(), "taken": taken, "origins": origins}
    atomic.write(folder / f"{target}.json", json.dumps(look), mode=0o600)


def changed_files(before: Look | None, taken: HostSnapshot) -> list[str]:
    """Paths of the files that are new or other than at the look before, as many of them as are asked about."""
    was = before.taken.get("files", {}) if before else taken.get("files", {})
    return [path for path, about in taken.get("files", {}).items() if was.get(path) != about][:ASKED]


def read(target: str, folder: Path = FOLDER) -> Look | None:
    """The newest look at a target; None if there is none that can be read."""
    try:
        kept = json.loads((folder / f"{target}.json").read_text(encoding="utf-8"))
        return Look(kept["at"], kept["taken"], kept.get("origins", {}))
    except (OSError, ValueError, KeyError):
        return None
