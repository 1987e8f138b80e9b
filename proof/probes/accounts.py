"""Accounts in the host's own files, duplicates included; runs on the host."""

import re
from pathlib import Path
from typing import TypedDict

ACCOUNT_FILES = ("passwd", "group", "shadow", "gshadow", "subuid", "subgid")
PASSWORD_STATES = {"": "none", "!": "locked", "*": "locked"}


class User(TypedDict):
    """A line of passwd; `password` is locked, none (anything opens it) or set. Never the hash."""

    name: str
    uid: int
    gid: int
    home: str
    shell: str
    password: str


class Group(TypedDict):
    """A line of group, with the members it lists."""

    name: str
    gid: int
    members: list[str]


class Accounts(TypedDict):
    """Everything in passwd and group."""

    users: list[User]
    groups: list[Group]


def _rows(path: Path) -> list[list[str]]:
    return [line.split(":") for line in path.read_text().splitlines() if line and not line.startswith("#")]


def password_state(field: str) -> str:
    """What a password field of shadow means: locked, none or set."""
    return PASSWORD_STATES.get(field[:1], "set")


def read(etc: str = "/etc") -> Accounts:
    """Users and groups of this host."""
    folder = Path(etc)
    passwords = {row[0]: password_state(row[1]) for row in _rows(folder / "shadow")}
    users = [
        User(
            name=row[0],
            uid=int(row[2]),
            gid=int(row[3]),
            home=row[5],
            shell=row[6],
            password=passwords.get(row[0], password_state(row[1]) if row[1] != "x" else "locked"),
        )
        for row in _rows(folder / "passwd")
    ]
    groups = [
        Group(name=row[0], gid=int(row[2]), members=[member for member in row[3].split(",") if member])
        for row in _rows(folder / "group")
    ]
    return Accounts(users=users, groups=groups)


def members(accounts: Accounts, group: str) -> list[str]:
    """Users of a group, by its list of members and by their primary group."""
    found = [entry for entry in accounts["groups"] if entry["name"] == group]
    gids = {entry["gid"] for entry in found}
    listed = {member for entry in found for member in entry["members"]}
    return [user["name"] for user in accounts["users"] if user["name"] in listed or user["gid"] in gids]


def _mentions(name: str, path: Path) -> list[str]:
    word = re.compile(rf"(?<![\w.-]){re.escape(name)}(?![\w.-])")
    return [
        f"{path}:{number}: {line.strip()}"
        for number, line in enumerate(path.read_text(errors="replace").splitlines(), start=1)
        if word.search(line)
    ]


def _account_lines(name: str, etc: Path) -> list[str]:
    found = []
    for path in [etc / file for file in ACCOUNT_FILES]:
        for row in _rows(path) if path.exists() else []:
            listed = [entry for field in row[2:] for entry in field.split(",")] if "group" in path.name else []
            if row[0] == name or name in listed:
                found.append(f"{path}: an entry {row[0]}")
    return found


def _present(*paths: Path) -> list[str]:
    return [str(path) for path in paths if path.exists() or path.is_symlink()]


def _mentioned(name: str, *paths: Path) -> list[str]:
    files = [file for path in paths for file in (sorted(path.iterdir()) if path.is_dir() else [path])]
    return [line for file in files if file.is_file() for line in _mentions(name, file)]


def traces(name: str, root: str = "/") -> dict[str, list[str]]:
    """Where this host still knows a user: by kind (account, home, mail, jobs, sudo), the places found."""
    top = Path(root)
    etc, var, spool = top / "etc", top / "var", top / "var/spool/cron"
    return {
        "account": _account_lines(name, etc),
        "home": _present(top / "home" / name, var / "lib/AccountsService/users" / name),
        "mail": _present(var / "mail" / name, var / "spool/mail" / name),
        "jobs": [
            *_present(spool / "crontabs" / name, var / "lib/systemd/linger" / name),
            *_mentioned(name, etc / "crontab", etc / "cron.d", etc / "cron.allow", etc / "at.allow"),
        ],
        "sudo": [
            *_mentioned(name, etc / "sudoers", etc / "sudoers.d"),
            *_present(var / "lib/sudo/lectured" / name, top / "run/sudo/ts" / name),
        ],
    }
