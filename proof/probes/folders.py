"""Folders: existence, owner, mode and content; runs on the host."""

import os
import stat
from pathlib import Path
from typing import TypedDict

from proof.probes import ownership


class Folder(TypedDict):
    """A folder, links followed; `mode` as ls writes it (rwxr-x---), `entries` by name, owner and mode.

    All but the path are empty if there is no folder. A user or group without a name is its number.
    """

    path: str
    there: bool
    user: str
    group: str
    mode: str
    entries: list[str]


def read(paths: list[str]) -> list[Folder]:
    """These folders, in this order."""
    return [_folder(path) for path in paths]


def with_access_lists(paths: list[str]) -> list[str]:
    """Those of these folders that have an access list, their own or one for what is made in them."""
    return [path for path in paths if any("posix_acl" in name for name in os.listxattr(path))]


def _folder(path: str) -> Folder:
    folder = Path(path)
    if not folder.is_dir():
        return Folder(path=path, there=False, user="", group="", mode="", entries=[])
    user, group, mode = _owner_and_mode(folder.stat())
    entries = sorted(f"{entry.name} {' '.join(_owner_and_mode(entry.lstat()))}" for entry in folder.iterdir())
    return Folder(path=path, there=True, user=user, group=group, mode=mode, entries=entries)


def _owner_and_mode(status: os.stat_result) -> tuple[str, str, str]:
    user = ownership.user_name(status.st_uid) or str(status.st_uid)
    group = ownership.group_name(status.st_gid) or str(status.st_gid)
    return user, group, stat.filemode(status.st_mode)[1:]
