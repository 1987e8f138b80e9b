"""A jail as `fail2ban-client status JAIL` describes it, and its settings as `fail2ban-client -d` reads them."""

import ast
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


def settings(text: str, jail: str) -> dict[str, str]:
    """A jail's settings, the last of each name; those of `ignoreip` as the text of a list.

    Args:
        text: the commands by which the client would configure the server, a list of Python's in each line.
        jail: the name of the jail.

    Raises:
        NothingToReadError: the text has no such jail.
    """
    found: dict[str, str] = {}
    ignored: list[str] = []
    for line in text.splitlines():
        if not line.startswith(f"['set', '{jail}', "):
            continue
        _, _, name, *values = ast.literal_eval(line)
        if name == "addignoreip":
            ignored += [str(value) for value in values]
        elif values:
            found[name] = str(values[0])
    if not found:
        raise NothingToReadError(f"no settings of the jail {jail}: {text[:300]!r}")
    return {**found, "ignoreip": repr(ignored)}
