"""Answers about the kernel: parameters and mounts, from /proc."""

import os
import re
from pathlib import Path

from proof.transport.rpc.errors import UnanswerableError

PARAMETERS = Path("/proc/sys")
LONGEST = 1 << 16  # bytes of a parameter
MOUNTS = Path("/proc/self/mounts")


def parameter(name: str) -> str:
    """A kernel parameter as the kernel writes it, without the last line's end.

    Args:
        name: with dots (`net.ipv4.conf.eth0/100.rp_filter`) or with slashes, as sysctl(8) reads it.

    Raises:
        UnanswerableError: there is no such parameter, or it cannot be read.
    """
    try:
        opened = os.open(f"{PARAMETERS}/{path_of(name)}", os.O_RDONLY)
        try:
            return os.read(opened, LONGEST).decode(errors="replace").rstrip("\n")
        finally:
            os.close(opened)
    except OSError as error:
        raise UnanswerableError(f"kernel parameter {name}: {error.strerror}") from error


def path_of(name: str) -> str:
    """The path below /proc/sys: whichever of dot and slash comes first parts the name, the other stands for itself."""
    first = re.search(r"[./]", name)
    if first and first.group() == ".":
        return name.translate(str.maketrans("./", "/."))
    return name


def mounts() -> list[dict[str, str]]:
    """All mounts, oldest first: path, device, filesystem and options (joined by commas)."""
    found = []
    for line in MOUNTS.read_text().splitlines():
        device, path, filesystem, options = (_unescaped(field) for field in line.split(" ")[:4])
        if device != "rootfs":
            found.append({"path": path, "device": device, "filesystem": filesystem, "options": options})
    return found


def _unescaped(field: str) -> str:
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match.group(1), 8)), field)
