"""What a host could run out of: room on its disks, and the days of its accounts; runs on the host."""

import os
import time
from pathlib import Path
from typing import TypedDict

from proof.probes.ownership import local_mounts

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


def ending(days: int, shadow: Path = Path("/etc/shadow")) -> "list[str]":
    """Accounts that expire within so many days, or whose password, where they have one, must be changed by then."""
    today = int(time.time()) // SECONDS_A_DAY
    told = []
    for line in shadow.read_text().splitlines():
        name, password, changed, _, longest, _, _, expires, _ = line.split(":")
        if expires and int(expires) - today <= days:
            told.append(f"{name} expires on day {expires} since 1970")
        usable = password not in ("", "*") and not password.startswith("!")
        if usable and longest and changed and int(changed) + int(longest) - today <= days:
            told.append(f"the password of {name} must be changed by day {int(changed) + int(longest)} since 1970")
    return told


def clock() -> float:
    """Seconds since 1970 by the host's clock."""
    return time.time()
