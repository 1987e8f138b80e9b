"""Who changed a host, by which package, and when, as far as it still knows; runs on the host."""

import os
import subprocess
import time
from pathlib import Path

MINUTES = 5
DPKG_LOG = Path("/var/log/dpkg.log")
SHOWN = 3
VERBS = ("install", "upgrade", "remove", "purge")


def of(paths: "list[str]") -> "dict[str, str]":
    """A sentence for each path: when it was changed, and what packages and sudo did at that time."""
    return {path: _of(path) for path in paths}


def since(begin: float) -> str:
    """A sentence with what packages and sudo did since a time, in seconds since 1970; empty if they did nothing."""
    return "; ".join(_did(begin, time.time()))


def _of(path: str) -> str:
    try:
        changed = os.lstat(path).st_ctime
    except OSError:
        return "it is not there"
    told = f"changed {time.strftime('%Y-%m-%d %H:%M:%S UTC', time.gmtime(changed))}"
    return "; ".join([told, *_did(changed - 60 * MINUTES, changed + 60)])


def _did(begin: float, end: float) -> "list[str]":
    return [f"dpkg: {line}" for line in _dpkg(begin, end)] + [f"sudo: {line}" for line in _sudo(begin, end)]


def _dpkg(begin: float, end: float) -> "list[str]":
    first, last = (time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(moment)) for moment in (begin, end))
    try:
        lines = DPKG_LOG.read_text(errors="replace").splitlines()
    except OSError:
        return []
    done = [line for line in lines if first <= line[:19] <= last and line.split()[2] in VERBS]
    return [" ".join(line.split()[2:]) for line in done[-SHOWN:]]


def _sudo(begin: float, end: float) -> "list[str]":
    around = [f"--since=@{int(begin)}", f"--until=@{int(end)}"]
    done = subprocess.run(
        ["journalctl", "--quiet", "--identifier=sudo", "--grep=COMMAND=", "--output=cat", "--reverse", *around],
        capture_output=True,
        check=False,
        timeout=20,
    )
    lines = done.stdout.decode(errors="replace").splitlines()
    return [line.strip() for line in lines if "python" not in line][:SHOWN]
