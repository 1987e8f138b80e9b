"""Answers about Debian packages, from dpkg's own status file: read once, and again after a change."""

import os
from pathlib import Path

STATUS = Path("/var/lib/dpkg/status")

# A package in these states is unpacked and configured; triggers of others do not change that.
INSTALLED = ("installed", "triggers-awaited", "triggers-pending")

Entry = tuple[str, str, str]  # architecture, status as dpkg writes it, version
_known: tuple[tuple[int, int, int], dict[str, list[Entry]]] | None = None


def entries(name: str) -> list[Entry]:
    """All entries of a package, one per architecture; `name:arch` asks for one. None installed, none removed: empty."""
    plain, _, architecture = name.partition(":")
    found = _read().get(plain, [])
    return [entry for entry in found if architecture in ("", "any", entry[0])]


def installed(name: str) -> Entry | None:
    """The first entry of a package that is really there: unpacked and configured, whatever is wished for it."""
    there = [entry for entry in entries(name) if _is_installed(entry[1])]
    return there[0] if there else None


def _is_installed(status: str) -> bool:
    words = status.split()
    return len(words) == 3 and words[1] == "ok" and words[2] in INSTALLED


def _read() -> dict[str, list[Entry]]:
    global _known  # noqa: PLW0603
    now = os.stat(STATUS)  # noqa: PTH116
    stamp = (now.st_mtime_ns, now.st_size, now.st_ino)
    if _known is None or _known[0] != stamp:
        _known = (stamp, parsed(STATUS.read_text(encoding="utf-8", errors="replace")))
    return _known[1]


def parsed(text: str) -> dict[str, list[Entry]]:
    """Entries by package name, of a file in the format of dpkg's status."""
    found: dict[str, list[Entry]] = {}
    for paragraph in text.split("\n\n"):
        name = architecture = status = version = ""
        for line in paragraph.split("\n"):
            if line.startswith("Package: "):
                name = line[9:]
            elif line.startswith("Status: "):
                status = line[8:]
            elif line.startswith("Architecture: "):
                architecture = line[14:]
            elif line.startswith("Version: "):
                version = line[9:]
                break
        if name:
            found.setdefault(name, []).append((architecture, status, version))
    return found
