"""The first exchange of a new connection: which machine, which boot, which system."""

import os
from pathlib import Path

OS_RELEASE = Path("/etc/os-release")
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


def hello() -> dict[str, str]:
    """Settle down where no mount or home is held, and say who answers.

    Returns:
        boot (changes with every boot), user, type, arch, distribution, release and codename; empty if unknown.
    """
    os.chdir("/")
    system = os.uname()
    named = release_fields(OS_RELEASE.read_text() if OS_RELEASE.exists() else "")
    return {
        "boot": BOOT_ID.read_text().strip() if BOOT_ID.exists() else "",
        "user": str(os.geteuid()),
        "type": system.sysname.lower(),
        "arch": system.machine,
        "distribution": named.get("ID", ""),
        "release": named.get("VERSION_ID", ""),
        "codename": named.get("VERSION_CODENAME", ""),
    }


def release_fields(text: str) -> dict[str, str]:
    """Fields of an os-release(5) file."""
    pairs = (line.partition("=") for line in text.splitlines() if "=" in line and not line.startswith("#"))
    return {key.strip(): value.strip().strip("\"'") for key, _, value in pairs}


def ping() -> None:
    """Answer, to show that the connection lives."""
