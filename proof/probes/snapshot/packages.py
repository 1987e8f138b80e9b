"""Packages, what is held or diverted, and modes that override those of packages."""

import hashlib
import re
from pathlib import Path

from proof.probes.snapshot.common import Section, words

STATES = {"ii ": "installed", "hi ": "installed and held", "rc ": "removed, settings stay"}
ORIGIN = "origin of "  # begins the name of a package that no archive has
RECORD = "records of "  # begins the name of what dpkg has of a package and its version
RECORDS = (".md5sums", ".preinst", ".postinst", ".prerm", ".postrm", ".triggers")
VERSION = re.compile(r"^Package: (\S+)\n(?:(?!Version:)\S.*\n|[ \t].*\n)*Version: (\S+)", re.MULTILINE)
REMOVED = re.compile(r"^Remv (\S+)", re.MULTILINE)
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
    for name in REMOVED.findall(words("apt-get", "--simulate", "autoremove")):
        if not name.startswith("linux-"):  # an older kernel goes by itself
            found[f"apt autoremove of {name}"] = "would remove it"
    found |= records()
    try:
        overrides = words("dpkg-statoverride", "--list")
    except OSError:
        overrides = ""  # its exit status if there is none
    for line in overrides.splitlines():
        found[f"mode of {line}"] = "overridden"
    return found


def records(folder: Path = Path("/var/lib/dpkg")) -> Section:
    """What dpkg has of each version of a package: hashes of its files, and scripts that run as root."""
    versions = dict(VERSION.findall((folder / "status").read_text(errors="replace")))
    sums: dict[str, hashlib._Hash] = {}
    for path in sorted((folder / "info").iterdir()):
        if path.suffix in RECORDS:
            name = path.stem.partition(":")[0]
            sums.setdefault(name, hashlib.sha256()).update(path.suffix.encode() + path.read_bytes())
    return {f"{RECORD}{name} {versions.get(name, '')}": known.hexdigest()[:16] for name, known in sums.items()}


def foreign(listed: str) -> Section:
    """Packages in the output of apt list whose very version no archive has, and of which none has a newer one."""
    known = [match for line in listed.splitlines() if (match := LISTED.match(line))]
    local = [name for name, states in (match.groups() for match in known) if "local" in states.split(",")]
    if len(local) == len(known):
        return {}  # no archive was asked yet
    return {f"{ORIGIN}{NUMBERED.sub(KERNEL, name)}": "no archive" for name in local}
