"""Packages, what is held or diverted, and modes that override those of packages."""

import re

from proof.probes.snapshot.common import Section, words

STATES = {"ii ": "installed", "hi ": "installed and held", "rc ": "removed, settings stay"}
ORIGIN = "origin of "  # begins the name of a package that no archive has
LISTED = re.compile(r"([^/\s]+)/.*\[([^\]]+)\]")
KERNEL = r"\1VERSION"
NUMBERED = re.compile(r"^(linux-(?:image|headers|modules)-)\d\S*?(?=-[a-z]+-[a-z0-9]+$|$)")


def take() -> Section:
    """The packages."""
    shown = words("dpkg-query", "--show", "--showformat=${db:Status-Abbrev}\t${Package}\t${Architecture}\n")
    found: Section = {}
    for line in shown.splitlines():
        state, name, architecture = line.split("\t")
        # A new kernel is a package with another name.
        found[NUMBERED.sub(KERNEL, name)] = f"{STATES.get(state, f'in state {state.strip()}')}, {architecture}"
    for line in words("dpkg-divert", "--list").splitlines():
        found[line] = "diverted"
    found |= foreign(words("apt", "list", "--installed"))
    try:
        overrides = words("dpkg-statoverride", "--list")
    except OSError:
        overrides = ""  # its exit status if there is none
    for line in overrides.splitlines():
        found[f"mode of {line}"] = "overridden"
    return found


def foreign(listed: str) -> Section:
    """Packages in the output of apt list whose very version no archive has, and of which none has a newer one."""
    known = [match for line in listed.splitlines() if (match := LISTED.match(line))]
    local = [name for name, states in (match.groups() for match in known) if "local" in states.split(",")]
    if len(local) == len(known):
        return {}  # no archive was asked yet
    return {f"{ORIGIN}{NUMBERED.sub(KERNEL, name)}": "no archive" for name in local}
