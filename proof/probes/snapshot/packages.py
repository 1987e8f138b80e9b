"""Packages, what is held or diverted, and modes that override those of packages."""

import re

from proof.probes.snapshot.common import Section, words

STATES = {"ii ": "installed", "hi ": "installed and held", "rc ": "removed, settings stay"}
NUMBERED = re.compile(r"^(linux-(?:image|headers|modules)-)\d\S*?(?=-[a-z]+-[a-z0-9]+$|$)")


def take() -> Section:
    """The packages."""
    shown = words("dpkg-query", "--show", "--showformat=${db:Status-Abbrev}\t${Package}\t${Architecture}\n")
    found: Section = {}
    for line in shown.splitlines():
        state, name, architecture = line.split("\t")
        # A new kernel is a package with another name.
        found[NUMBERED.sub(r"\1VERSION", name)] = f"{STATES.get(state, f'in state {state.strip()}')}, {architecture}"
    for line in words("dpkg-divert", "--list").splitlines():
        found[line] = "diverted"
    try:
        overrides = words("dpkg-statoverride", "--list")
    except OSError:
        overrides = ""  # its exit status if there is none
    for line in overrides.splitlines():
        found[f"mode of {line}"] = "overridden"
    return found
