"""What a host could run out of: room on its disks, and the days of its accounts; runs on the host."""

import os
import time
from pathlib import Path
from typing import TypedDict

from proof.probes.accounts import password_state
from proof.probes.ownership import local_mounts

NO_SHELL = ("nologin", "false")
SECONDS_A_DAY = 86400


class Room(TypedDict):
    """A file system: percent of its space and of its inodes that are left; 100 where it has no fixed inodes."""

    path: str
    space: int
    inodes: int


def left() -> "list[Room]":
    """The local file systems with a size."""
    found = []
    for path in local_mounts(Path("/proc/self/mountinfo").read_text()):
        state = os.statvfs(path)
        if state.f_blocks:
            inodes = 100 * state.f_favail // state.f_files if state.f_files else 100
            found.append(Room(path=path, space=100 * state.f_bavail // state.f_blocks, inodes=inodes))
    return found


def ending(days: int, folder: Path = Path("/etc")) -> "list[str]":
    """Accounts with a shell that expire within so many days, or whose password must be changed by then."""
    accounts = [line.split(":") for line in (folder / "passwd").read_text().splitlines()]
    people = {fields[0] for fields in accounts if not fields[6].endswith(NO_SHELL)}
    today = int(time.time()) // SECONDS_A_DAY
    told = []
    for line in (folder / "shadow").read_text().splitlines():
        name, password, changed, _, longest, _, _, expires, _ = line.split(":")
        if name in people and expires and int(expires) - today <= days:
            told.append(f"{name} expires on day {expires} since 1970")
        if password_state(password) == "set" and longest and changed and int(changed) + int(longest) - today <= days:
            told.append(f"the password of {name} must be changed by day {int(changed) + int(longest)} since 1970")
    return told


def clock() -> float:
    """Seconds since 1970 by the host's clock."""
    return time.time()
