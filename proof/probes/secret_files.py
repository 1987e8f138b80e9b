"""Files that hold secrets: read, or searched for copies, on the host itself."""

import os
import re
import stat
from pathlib import Path


def pairs(path: str) -> dict[str, str]:
    """Names and secrets of a file of lines NAME=SECRET."""
    lines = Path(path).read_text(encoding="utf-8").splitlines()
    return {name: secret for name, sign, secret in (line.partition("=") for line in lines) if sign}


def contents(folder: str) -> dict[str, bytes]:
    """The files of a folder."""
    return {path.name: path.read_bytes() for path in sorted(Path(folder).iterdir()) if path.is_file()}


def open_to_others(paths: list[str]) -> list[str]:
    """Which of these paths, or of what lies in these folders, someone but root can read or replace."""
    found = []
    for path in paths:
        for one in (Path(path), *Path(path).rglob("*")):
            state = one.lstat()
            if state.st_uid != 0 or state.st_mode & 0o077:
                found.append(f"{one} ({stat.filemode(state.st_mode)}, UID {state.st_uid})")
    return found


def in_processes(path: str) -> list[str]:
    """Processes whose arguments or environment hold a secret of a file of lines NAME=SECRET, by their names."""
    wanted = re.compile(b"|".join(re.escape(secret.encode()) for secret in pairs(path).values()))
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit() and int(folder.name) != os.getpid():
            try:
                held = (folder / "cmdline").read_bytes() + (folder / "environ").read_bytes()
                if wanted.search(held):
                    found.append(f"{folder.name} {(folder / 'comm').read_text().strip()}")
            except OSError:
                continue  # it ended in the meantime
    return found
