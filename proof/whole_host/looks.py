"""The newest look at each target's whole host, for whoever compares it with the next one."""

import json
from dataclasses import dataclass
from pathlib import Path

from lab import atomic
from lab.paths import BUILD
from proof.evidence.run_folder import utc_now
from proof.whole_host.comparison import HostSnapshot

FOLDER = BUILD / "looks"


@dataclass(frozen=True)
class Look:
    """What was seen of a host, section by section, and when (UTC)."""

    at: str
    taken: HostSnapshot


def keep(target: str, taken: HostSnapshot, folder: Path = FOLDER) -> None:
    """Keep a look in place of the one before; readable for its owner alone."""
    atomic.write(folder / f"{target}.json", json.dumps({"at": utc_now(), "taken": taken}), mode=0o600)


def read(target: str, folder: Path = FOLDER) -> Look | None:
    """The newest look at a target; None if there is none that can be read."""
    try:
        kept = json.loads((folder / f"{target}.json").read_text(encoding="utf-8"))
        return Look(kept["at"], kept["taken"])
    except (OSError, ValueError, KeyError):
        return None
