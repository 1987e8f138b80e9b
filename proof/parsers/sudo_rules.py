"""sudo's rules: the users that they name (`cvtsudoers -f json`), and the file of each rule (`sudo -ll`)."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass

_SIGNS = {"usergroup": "%", "userid": "#", "usergid": "%#", "netgroup": "+", "nonunixgroup": "%:"}


@dataclass(frozen=True)
class Entry:
    """One rule that applies to a user: the file it stands in, and whether it asks for a password."""

    file: str
    asks: bool
    commands: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.file}: {', '.join(self.commands)} {'with' if self.asks else 'without'} a password"


def named(text: str) -> tuple[str, ...]:
    """Everyone that a rule names, as sudoers writes it (root, %sudo, #1000, ALL), each once and sorted.

    Args:
        text: output of `cvtsudoers --expand-aliases --output-format json`.
    """
    specifications = json.loads(text).get("User_Specs", [])
    return tuple(sorted({_name(who) for spec in specifications for who in spec["User_List"]}))


def _name(who: Mapping[str, object]) -> str:
    kind, value = next((kind, value) for kind, value in who.items() if kind != "negated")
    return f"{'!' if who.get('negated') else ''}{_SIGNS.get(kind, '')}{value}"


def entries(text: str) -> tuple[Entry, ...]:
    """The rules in the output of `sudo -ll -U USER`, in the order in which sudo reads them."""
    blocks = re.split(r"^Sudoers entry: *", text, flags=re.MULTILINE)[1:]
    return tuple(_entry(block) for block in blocks)


def _entry(block: str) -> Entry:
    file, _, rest = block.partition("\n")
    options = re.search(r"^\s+Options: (.*)$", rest, re.MULTILINE)
    commands = re.search(r"^\s+Commands:\n((?:\t.*\n?)+)", rest, re.MULTILINE)
    return Entry(
        file=file.strip(),
        asks="!authenticate" not in (options[1].split(", ") if options else []),
        commands=tuple(line.strip() for line in commands[1].splitlines()) if commands else (),
    )


def files_checked(text: str) -> tuple[str, ...]:
    """The files that `visudo -c` says it has read, whatever it thinks of them."""
    return tuple(re.findall(r"^(/[^:\n]+): parsed OK$", text, re.MULTILINE))
