"""Answers about files."""

import grp
import os
import pwd
import stat
from pathlib import Path
from typing import Any

import mitogen.core

LARGEST = 100 << 20  # bytes of a file that fit into one answer


def status(path: str) -> dict[str, Any]:
    """What stat(2) says of what the path leads to."""
    found = os.stat(path)  # noqa: PTH116
    return {
        "mode": stat.S_IMODE(found.st_mode),
        "uid": found.st_uid,
        "gid": found.st_gid,
        "size": found.st_size,
        "mtime": found.st_mtime,
        "inode": found.st_ino,
    }


def owner(path: str) -> dict[str, str]:
    """Names of owner and group of what the path leads to; their numbers if they have none."""
    found = os.stat(path)  # noqa: PTH116
    return {"user": _name(pwd.getpwuid, found.st_uid), "group": _name(grp.getgrgid, found.st_gid)}


def kind(path: str) -> str:
    """file, directory, pipe, socket, device; empty if the path leads nowhere (a dangling link too)."""
    try:
        mode = os.stat(path).st_mode  # noqa: PTH116
    except (FileNotFoundError, NotADirectoryError):
        return ""
    except OSError as error:
        if error.strerror and "symbolic links" in error.strerror:
            return ""
        raise
    for word, test in _KINDS:
        if test(mode):
            return word
    return "device"


_KINDS = (
    ("file", stat.S_ISREG),
    ("directory", stat.S_ISDIR),
    ("pipe", stat.S_ISFIFO),
    ("socket", stat.S_ISSOCK),
)


def is_link(path: str) -> bool:
    """Whether the path itself is a symbolic link, wherever it leads."""
    return Path(path).is_symlink()


def is_executable(path: str) -> bool:
    """Whether this user may execute it."""
    return os.access(path, os.X_OK)


def content(path: str) -> bytes:
    """The bytes of a file."""
    with Path(path).open("rb") as stream:
        data = stream.read(LARGEST + 1)
    if len(data) > LARGEST:
        raise OSError(f"{path} has more than {LARGEST} bytes")
    blob: bytes = mitogen.core.Blob(data)  # travels as it is; plain bytes would double in size
    return blob


def _name(look_up: Any, number: int) -> str:
    try:
        return str(look_up(number)[0])
    except KeyError:
        return str(number)
