"""The newest look at each target's whole host, for whoever compares it with the next one."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from lab import atomic
from lab.paths import BUILD
from proof.evidence.run_folder import utc_now
from proof.whole_host import exceptions
from proof.whole_host.comparison import Difference, HostSnapshot, differences

FOLDER = BUILD / "looks"
ASKED = 50  # files of which the host is asked what it knows


@dataclass(frozen=True)
class Look:
    """What was seen of a host, section by section, and when (UTC).

    `origins` says of files that changed since the look before it what the host knows of them: package, owner, time;
    `meanwhile` what packages and sudo did since then.
    """

    at: str
    taken: HostSnapshot
    origins: Mapping[str, str] = field(default_factory=dict)
    meanwhile: str = ""


def keep(target: str, taken: HostSnapshot, origins: Mapping[str, str], meanwhile: str, folder: Path = FOLDER) -> None:
    """Keep a look in place of the one before; readable for its owner alone."""
    look = {"at": utc_now(), "taken": taken, "origins": origins, "meanwhile": meanwhile}
    atomic.write(folder / f"{target}.json", json.dumps(look), mode=0o600)


def changes(before: HostSnapshot, after: HostSnapshot) -> list[Difference]:
    """What changed between two looks, in the sections that both saw; use and time are no change."""
    both = [section for section in after if section in before]
    excepted = exceptions.merged(exceptions.TIME, exceptions.USE)
    return differences(
        {section: before[section] for section in both}, {section: after[section] for section in both}, excepted
    )


def read(target: str, folder: Path = FOLDER) -> Look | None:
    """The newest look at a target; None if there is none that can be read."""
    try:
        kept = json.loads((folder / f"{target}.json").read_text(encoding="utf-8"))
        return Look(kept["at"], kept["taken"], kept.get("origins", {}), kept.get("meanwhile", ""))
    except (OSError, ValueError, KeyError):
        return None
