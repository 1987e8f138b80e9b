"""A jail as `fail2ban-client status JAIL` describes it."""

import re
from dataclasses import dataclass

from proof.parsers.errors import NothingToReadError


@dataclass(frozen=True)
class Jail:
    """What a jail has seen; `journal` is its match for the journal, empty if it reads files."""

    failures: int
    banned: tuple[str, ...]
    journal: str


def parse(text: str) -> Jail:
    """Read a jail's status.

    Raises:
        NothingToReadError: the text is no status of a jail.
    """
    failures = re.search(r"Total failed:\s*(\d+)", text)
    banned = re.search(r"Banned IP list:[ \t]*(.*)", text)
    if failures is None or banned is None:
        raise NothingToReadError(f"not a jail's status: {text!r}")
    journal = re.search(r"Journal matches:[ \t]*(.*)", text)
    return Jail(int(failures[1]), tuple(banned[1].split()), journal[1].strip() if journal else "")
