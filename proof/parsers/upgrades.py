"""What unattended-upgrades would do, from the log of `unattended-upgrade --dry-run --debug`."""

import re
from dataclasses import dataclass

from proof.parsers.errors import NothingToReadError


@dataclass(frozen=True)
class Plan:
    """Which origins it takes packages from, and which packages it selects now."""

    origins: tuple[str, ...]
    selected: tuple[str, ...]


def parse(text: str) -> Plan:
    """Read the log of a dry run.

    Raises:
        NothingToReadError: the run ended before it had decided anything.
    """
    origins = re.search(r"Allowed origins are: (.*)", text)
    selected = re.search(r"Packages that will be upgraded: ?(.*)", text)
    nothing = re.search(r"No packages found that can be upgraded unattended", text)
    if origins is None or (selected is None and nothing is None):
        raise NothingToReadError(f"unattended-upgrade decided nothing: ...{text[-600:]!r}")
    names = tuple(part.strip(" '\"") for part in re.split(r"(?:^|, )(?=(?:o=|origin=))", origins[1].strip("[]")))
    return Plan(tuple(n for n in names if n), tuple(selected[1].split()) if selected else ())
