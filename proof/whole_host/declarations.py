"""What the operator added to a host, as its inventory declares it: what, why, who, and until when."""

import fnmatch
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from lab.errors import UsageError
from proof.hosts.target import Target
from proof.whole_host.comparison import Difference

VARIABLE = "declared_additions"
FIELDS = ("section", "name", "reason", "author", "until")
MONTHS_OFFERED = 3
# Sections with many entries of one thing: so many words of a name are declared at once.
WORDS_OF_A_THING = {"containers": 2}


@dataclass(frozen=True)
class Declaration:
    """An addition: differences of this section whose names match the pattern are meant, until a day."""

    section: str
    name: str
    reason: str
    author: str
    until: date

    def explains(self, difference: Difference) -> bool:
        """Whether it is about this difference."""
        return difference.section == self.section and fnmatch.fnmatchcase(difference.name, self.name)

    def __str__(self) -> str:
        return f"{self.section}: {self.name} ({self.reason}; {self.author}, until {self.until})"


def read(target: Target) -> list[Declaration]:
    """The declarations of a target. Raises UsageError that says what is wrong with one."""
    found = target.variables.get(VARIABLE, [])
    if not isinstance(found, list):
        raise UsageError(f"{VARIABLE} in the inventory of {target.name} is no list.", f"mend {target.source}")
    return [_declaration(entry, target) for entry in found]


def _declaration(entry: Any, target: Target) -> Declaration:  # noqa: ANN401 - YAML
    given = entry if isinstance(entry, dict) else {}
    wrong = [field for field in FIELDS if not given.get(field)] + sorted(set(given) - set(FIELDS))
    until = given.get("until")
    try:
        day = until if isinstance(until, date) else date.fromisoformat(str(until))
    except ValueError:
        wrong.append("until")
        day = date.min
    if wrong:
        raise UsageError(
            f"An entry of {VARIABLE} in the inventory of {target.name} lacks or misspells {', '.join(wrong)}: {entry}",
            f"give it {', '.join(FIELDS)} in {target.source}",
        )
    section, name, reason, author = (str(given[field]) for field in FIELDS[:-1])
    return Declaration(section, name, reason, author, day)


def unexplained(found: Sequence[Difference], declared: Sequence[Declaration], today: date) -> list[Difference]:
    """The differences that no valid declaration explains."""
    valid = [one for one in declared if today <= one.until]
    return [difference for difference in found if not any(one.explains(difference) for one in valid)]


def idle(found: Sequence[Difference], declared: Sequence[Declaration], today: date) -> list[str]:
    """Declarations that have expired or explain nothing, each with that reason."""
    told = []
    for one in declared:
        if today > one.until:
            told.append(f"expired: {one}")
        elif not any(one.explains(difference) for difference in found):
            told.append(f"explains nothing any more: {one}")
    return told


def lines(found: Sequence[Difference], today: date) -> Iterator[str]:
    """The lines of an inventory that would declare these differences."""
    until = today + timedelta(days=30 * MONTHS_OFFERED)
    yield f"{VARIABLE}:"
    named: dict[tuple[str, str], None] = {}
    for difference in found:
        count = WORDS_OF_A_THING.get(difference.section)
        words = difference.name.split()
        pattern = " ".join(words[:count]) + "*" if count and len(words) > count else _literal(difference.name)
        named[difference.section, pattern] = None
    for section, pattern in named:
        quoted = pattern.replace("'", "''")
        yield f"  - {{section: {section}, name: '{quoted}', reason: WHY, author: WHO, until: {until}}}"


def _literal(name: str) -> str:
    """A pattern that matches this name alone."""
    return "".join(f"[{letter}]" if letter in "*?[" else letter for letter in name)
