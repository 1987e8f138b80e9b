"""Compares two snapshots of a host, without what is excepted and what packages explain."""

import fnmatch
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from proof.probes.snapshot.files import OPEN
from proof.probes.snapshot.packages import ORIGIN, RECORD
from proof.probes.snapshot.services import UNREAD

MEMORY = "follows the size of the machine"
SMALLER = 2  # times that a setting of a machine as large may be smaller
HostSnapshot = Mapping[str, Mapping[str, str]]
Exceptions = Mapping[str, Mapping[str, str]]  # section to patterns of names, each with the reason why it may differ

# A file that its package ships is explained, whatever the package's version, if there is nothing special about it.
PACKAGED = re.compile(
    r"(?:[-d][r-][w-][x-][r-]-[x-][r-]-[x-] root:root|l\S+ root:root -> .*) (?:as shipped|of a package)"
)
COMPILED = re.compile(r"-rw-r--r-- root:root compiled from its source")
OF_PACKAGE = re.compile(r".* (?:as shipped|of a package|compiled from its source)")


@dataclass(frozen=True)
class Difference:
    """A difference; `before` is empty for something new, `after` for something removed."""

    section: str
    name: str
    before: str
    after: str

    def __str__(self) -> str:
        if not self.before:
            return f"{self.section}: new: {self.name}  {self.after}".rstrip()
        if not self.after:
            return f"{self.section}: gone: {self.name}  {self.before}".rstrip()
        return f"{self.section}: {self.name}\n    before  {self.before}\n    after   {self.after}"

    @property
    def settled(self) -> bool:
        """Whether it is something dubious of the reference that is not so any more.

        A unit that systemd has read in the meantime, a log that is not written yet, a package that an archive has,
        a time that the journal no longer tells.
        """
        known = (
            (self.section == "units" and self.name.endswith(UNREAD))
            or (self.section == "files" and self.name.startswith(OPEN))
            or (self.section == "packages" and self.name.startswith(ORIGIN))
            or (self.section == "settings in force" and self.name.startswith("settings in /etc/ssh/"))
        )
        return known and not self.after

    @property
    def of_another_version(self) -> bool:
        """Whether one side has a version of a package that the other has not."""
        return self.section == "packages" and self.name.startswith(RECORD) and not (self.before and self.after)

    @property
    def packaged(self) -> bool:
        """Whether another version of a package explains it; the packages themselves are compared, too."""
        if self.section != "files":
            return False
        if not self.before:
            return bool(PACKAGED.fullmatch(self.after) or COMPILED.fullmatch(self.after))
        return not self.after and bool(OF_PACKAGE.fullmatch(self.before))


def reason(exceptions: Exceptions, section: str, name: str) -> str:
    """Why a difference of this name is expected; empty if it is not."""
    patterns = exceptions.get(section, {})
    return next((why for pattern, why in patterns.items() if fnmatch.fnmatchcase(name, pattern)), "")


def differences(before: HostSnapshot, after: HostSnapshot, exceptions: Exceptions) -> list[Difference]:
    """The unexpected differences, by section and name."""
    found = []
    for section in sorted({*before, *after}):
        was, now = before.get(section, {}), after.get(section, {})
        each = (
            Difference(section, name, was.get(name, ""), now.get(name, ""))
            for name in sorted({*was, *now})
            if was.get(name) != now.get(name)
        )
        found += [one for one in each if not explained(one, exceptions)]
    return found


def explained(one: Difference, exceptions: Exceptions) -> bool:
    """Whether a difference is expected."""
    why = reason(exceptions, one.section, one.name)
    if why == MEMORY:
        return not shrunk(one.before, one.after)
    return bool(why) or one.packaged or one.settled or one.of_another_version


def shrunk(before: str, after: str) -> bool:
    """Whether a setting that follows the machine's size is much smaller than that of the lab, a small machine."""
    try:
        pairs = zip(map(int, before.split()), map(int, after.split()), strict=True)
        return any(now * SMALLER < was for was, now in pairs)
    except ValueError:
        return False


def tree(found: Sequence[Difference]) -> str:
    """Differences as an indented tree: sections, the folders of files, and what is new (+), gone (-) or other (~)."""
    lines: list[str] = []
    above: tuple[str, ...] = ()
    for one in sorted(found, key=lambda each: (each.section, each.name)):
        *folders, name = one.name.removeprefix("/").split("/") if one.name.startswith("/") else [one.name]
        branch = (one.section, *(f"{folder}/" for folder in folders))
        shared = next((at for at, pair in enumerate(zip(above, branch, strict=False)) if pair[0] != pair[1]), None)
        kept = min(len(above), len(branch)) if shared is None else shared
        lines += ["  " * at + part for at, part in enumerate(branch) if at >= kept]
        above, indent = branch, "  " * len(branch)
        sign = "~" if one.before and one.after else "-" if one.before else "+"
        lines.append(f"{indent}{sign} {name}")
        lines += [f"{indent}    {title} {text}" for title, text in (("was", one.before), ("is ", one.after)) if text]
    return "\n".join(lines)
