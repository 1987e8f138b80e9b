"""Who changed a file, and when, as far as the host still knows; runs on the host."""

import os
import subprocess
import time
from pathlib import Path

MINUTES = 5
DPKG_LOG = Path("/var/log/dpkg.log")
SHOWN = 3


def of(paths: "list[str]") -> "dict[str, str]":
    """A sentence for each path: when it was changed, and what packages and sudo did at that time."""
    return {path: _of(path) for path in paths}


def _of(path: str) -> str:
    try:
        changed = os.lstat(path).st_ctime
    except OSError:
        return "it is not there"
    told = [f"changed {time.strftime('%Y-%m-%d %H:%M:%S UTC', time.gmtime(changed))}"]
    told += [f"dpkg: {line}" for line in _dpkg(changed)]
    told += [f"sudo: {line}" for line in _sudo(changed)]
    return "; ".join(told)


def _dpkg(changed: float) -> "list[str]":
    minutes = {time.strftime("%Y-%m-%d %H:%M", time.localtime(changed + 60 * offset)) for offset in (-1, 0, 1)}
    try:
        lines = DPKG_LOG.read_text(errors="replace").splitlines()
    except OSError:
        return []
    done = [line for line in lines if line[:16] in minutes and line.split()[2] in ("install", "upgrade", "remove")]
    return [" ".join(line.split()[2:]) for line in done[:SHOWN]]


def _sudo(changed: float) -> "list[str]":
    around = [f"--since=@{int(changed) - 60 * MINUTES}", f"--until=@{int(changed) + 60}"]
    done = subprocess.run(
        ["journalctl", "--quiet", "--identifier=sudo", "--grep=COMMAND=", "--output=cat", "--reverse", *around],
        capture_output=True,
        check=False,
        timeout=20,
    )
    lines = done.stdout.decode(errors="replace").splitlines()
    return [line.strip() for line in lines if "python" not in line][:SHOWN]
