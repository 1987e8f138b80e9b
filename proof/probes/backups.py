"""The folder of backups; runs on the host."""

import calendar
import hashlib
import os
import re
import signal
import stat
import time
from pathlib import Path
from typing import TypedDict

NAME = re.compile(r"\d{8}T\d{6}Z")
EYE_BLINK = 0.02  # seconds
EXPECTED = ("mail.dump", "counts", "globals.sql", "base/backup_manifest")


class Backup(TypedDict):
    """A finished backup: `age` in seconds, `broken` the files that are not as they were written."""

    name: str
    age: float
    broken: list[str]


class Folder(TypedDict):
    """Everything in the folder of backups: finished ones, oldest first; other names; paths that others can use.

    What lies in a folder that is none of the finished ones is not looked into: a backup may be running, and its own
    folder is closed to others.
    """

    backups: list[Backup]
    others: list[str]
    exposed: list[str]


def _digest(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        return ""


def _broken(folder: Path) -> list[str]:
    try:
        lines = (folder / "MANIFEST.sha256").read_text().splitlines()
    except FileNotFoundError:
        return ["MANIFEST.sha256"]
    sums = {name: digest for digest, _, name in (line.partition("  ") for line in lines)}
    return [name for name in EXPECTED if not sums.get(name) or sums[name] != _digest(folder / name)]


def _open_to_others(path: Path) -> bool:
    """Whether others have any right on it; a file that a running backup has removed in the meantime is nobody's."""
    try:
        return bool(stat.S_IMODE(path.lstat().st_mode) & stat.S_IRWXO)
    except FileNotFoundError:
        return False


def _inside(folder: Path) -> list[Path]:
    """Everything below a folder; what the clean-up takes away in the meantime is left out."""
    return [Path(here) / name for here, folders, files in os.walk(folder) for name in [*folders, *files]]


def _age(name: str) -> float:
    return time.time() - calendar.timegm(time.strptime(name, "%Y%m%dT%H%M%SZ"))


def look(path: str) -> Folder:
    """Read the folder of backups, and what each of them is made of."""
    folder = Path(path)
    names = sorted(entry.name for entry in folder.iterdir())
    finished = [name for name in names if NAME.fullmatch(name)]
    every = [
        folder,
        *(folder / name for name in names),
        *(entry for name in finished for entry in _inside(folder / name)),
    ]
    return Folder(
        backups=[Backup(name=name, age=_age(name), broken=_broken(folder / name)) for name in finished],
        others=[name for name in names if name not in finished],
        exposed=[str(entry) for entry in every if _open_to_others(entry)],
    )


def segments(path: str) -> list[str]:
    """Names of the WAL segments in an archive, in order."""
    return sorted(entry.name for entry in Path(path).iterdir() if re.fullmatch("[0-9A-F]{24}", entry.name))


def first_segment(path: str, name: str) -> str:
    """The WAL segment that a backup's base needs first."""
    label = (Path(path) / name / "base" / "backup_label").read_text()
    found = re.search(r"^START WAL LOCATION: .*\(file ([0-9A-F]{24})\)$", label, re.MULTILINE)
    return found.group(1) if found else ""


def halt(name: str, seconds: float) -> list[int]:
    """Halt the processes of a program as soon as there are any; returns their numbers, none where none came in time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := processes(name):
            for number in found:
                os.kill(number, signal.SIGSTOP)
            return found
        time.sleep(EYE_BLINK)
    return []


def processes(name: str) -> list[int]:
    """Numbers of the processes whose program has this name, in containers too."""
    found = []
    for status in Path("/proc").glob("[0-9]*/comm"):
        try:
            if status.read_text().strip() == name:
                found.append(int(status.parent.name))
        except (FileNotFoundError, ProcessLookupError):
            continue
    return found
