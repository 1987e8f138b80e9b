"""Answers about users and groups, by name only: the name service's fallback to numbers is not an answer."""

import grp
import os
import pwd
from pathlib import Path
from typing import Any

from proof.transport.rpc.errors import UnanswerableError

PASSWD = Path("/etc/passwd")
SHADOW = Path("/etc/shadow")
GROUP = Path("/etc/group")


def current_user() -> str:
    """Name of the user that answers."""
    return pwd.getpwuid(os.geteuid()).pw_name


def user(name: str) -> dict[str, Any] | None:
    """A user's entry with all groups, the first one first; None if there is no such user."""
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        return None
    gids = os.getgrouplist(entry.pw_name, entry.pw_gid)
    gids = [entry.pw_gid, *(gid for gid in gids if gid != entry.pw_gid)]
    return {
        "uid": entry.pw_uid,
        "gid": entry.pw_gid,
        "gids": gids,
        "groups": [_group_name(gid) for gid in gids],
        "gecos": entry.pw_gecos,
        "home": entry.pw_dir,
        "shell": entry.pw_shell,
        "password": entry.pw_passwd,
    }


def shadow(name: str) -> list[str]:
    """Fields of a user's line in /etc/shadow, name first.

    Raises:
        UnanswerableError: the user has no such line.
    """
    for line in SHADOW.read_text().splitlines():
        fields = line.split(":")
        if fields[0] == name:
            return fields
    raise UnanswerableError(f"user {name} has no entry in {SHADOW}")


def group(name: str) -> dict[str, Any] | None:
    """A group's number and its members, those too whose first group it is; None if there is no such group."""
    try:
        entry = grp.getgrnam(name)
    except KeyError:
        return None
    first = [account.pw_name for account in pwd.getpwall() if account.pw_gid == entry.gr_gid]
    return {"gid": entry.gr_gid, "members": list(dict.fromkeys([*entry.gr_mem, *first]))}


def _group_name(gid: int) -> str:
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return str(gid)
