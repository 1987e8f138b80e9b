"""Disk quotas in the kernel, in mount options and in fstab; runs on the host."""

import ctypes
import errno
import os
import re
from pathlib import Path
from typing import TypedDict

Q_GETFMT = 0x800004
KINDS = {0: "user", 1: "group", 2: "project"}
OFF = frozenset({errno.ESRCH, errno.ENOSYS, errno.EINVAL, errno.ENOTBLK})  # but the first: it knows no such quotas
OPTION = re.compile(r"(?:usr|grp|prj|u|g|p)?j?quota|(?:usr|grp)jquota=.+|[ugp]?qnoenforce")


class Quotas(TypedDict):
    """`on`: what the kernel counts now; `mounted` and `listed`: entries of mounts and of fstab that ask for quotas."""

    on: list[str]
    mounted: list[str]
    listed: list[str]


def state(mounts: str = "/proc/self/mounts", fstab: str = "/etc/fstab") -> Quotas:
    """Quotas of every file system on a device. Raises OSError if the kernel does not tell."""
    mounted = entries(Path(mounts).read_text())
    devices = {fields[0]: fields[1] for fields in mounted if fields[0].startswith("/dev/")}
    on = [
        f"{name} quotas on {place} ({device})"
        for device, place in devices.items()
        for kind, name in KINDS.items()
        if is_on(device, kind)
    ]
    return Quotas(on=on, mounted=asking(mounted), listed=asking(entries(Path(fstab).read_text())))


def entries(text: str) -> list[list[str]]:
    """Entries of a file of the fstab(5) kind: device, mount point, type, options and what follows."""
    rows = [line.split() for line in text.splitlines()]
    return [row for row in rows if len(row) >= 4 and not row[0].startswith("#")]


def asking(rows: list[list[str]]) -> list[str]:
    """Those entries whose options ask for quotas; the name of a format alone asks for nothing."""
    return [" ".join(row) for row in rows if any(OPTION.fullmatch(option) for option in row[3].split(","))]


def is_on(device: str, kind: int) -> bool:
    """Whether quotas of a kind are on. Raises OSError if the kernel does not tell."""
    libc = ctypes.CDLL(None, use_errno=True)
    command = ctypes.c_int(Q_GETFMT << 8 | kind)
    found = ctypes.c_uint32()
    if libc.quotactl(command, device.encode(), 0, ctypes.byref(found)) == 0:
        return True
    error = ctypes.get_errno()
    if error in OFF:
        return False
    raise OSError(error, f"quotas of {device}: {os.strerror(error)}")
