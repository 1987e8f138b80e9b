"""Searches for copies of a secret on the host that has it: the secret never leaves the host."""

import os
import re
import stat
from pathlib import Path

LARGEST = 64 * 1024
FOLDERS = ["/etc", "/home", "/tmp", "/var/tmp", "/var/backups", "/var/log", "/srv", "/opt", "/usr/local"]  # noqa: S108


def readable_by_others(settings: str, folders: list[str]) -> list[str]:
    """Files that hold the private key of a WireGuard settings file and can be read by someone but root.

    Raises:
        OSError: the settings hold no private key.
    """
    found = re.search(rb"^\s*PrivateKey\s*=\s*(\S+)", Path(settings).read_bytes(), re.MULTILINE | re.IGNORECASE)
    if found is None:
        raise OSError(f"{settings} holds no private key")
    return sorted(
        f"{path} ({stat.filemode(state.st_mode)}, UID {state.st_uid})"
        for folder in folders
        for path, state in _open_files(folder)
        if found[1] in path.read_bytes()
    )


def _open_files(folder: str) -> list[tuple[Path, os.stat_result]]:
    """Regular files of a size that settings have, whose own mode lets others read; links are not followed."""
    files = []
    for where, _, names in os.walk(folder):
        for name in names:
            path = Path(where, name)
            try:
                state = path.lstat()
            except FileNotFoundError:
                continue  # gone since it was listed
            open_to_others = bool(state.st_mode & 0o044) or state.st_uid != 0
            if stat.S_ISREG(state.st_mode) and open_to_others and 0 < state.st_size <= LARGEST:
                files.append((path, state))
    return files
