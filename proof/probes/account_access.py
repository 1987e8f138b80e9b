"""What accounts of the host can do in folders, tried as those accounts; runs on the host, as root."""

import os
import pwd
import subprocess
from pathlib import Path
from typing import TypedDict

TRIAL = "mail-lab-trial"
WRITABLE = 'for folder in "$@"; do if [ -w "$folder" ]; then echo "$folder"; fi; done'
WORK = 'for file in "$@"; do echo kept > "$file" && read -r word < "$file" && rm "$file" && echo "$word"; done'


class Attempt(TypedDict):
    """A command that an account ran: exit status, and what it printed to each of the two streams."""

    who: str
    command: str
    status: int
    got: str
    said: str


def attempt(who: str, argv: list[str]) -> Attempt:
    """Run a command as an account with all of its groups. Raises OSError if there is no such account."""
    try:
        account = pwd.getpwnam(who)
    except KeyError:
        raise OSError(f"there is no account {who}") from None
    done = subprocess.run(
        argv,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
        cwd="/",
        env={"LC_ALL": "C", "PATH": "/usr/bin:/bin"},
        timeout=20,
        user=account.pw_uid,
        group=account.pw_gid,
        extra_groups=os.getgrouplist(who, account.pw_gid),
    )
    return Attempt(
        who=who,
        command=" ".join(argv),
        status=done.returncode,
        got=done.stdout.decode(errors="replace"),
        said=done.stderr.decode(errors="replace"),
    )


def parents(folders: list[str]) -> list[str]:
    """Every folder that these lie in, up to the root."""
    return sorted({str(parent) for folder in folders for parent in Path(folder).parents})


def writable_folders(who: str, folders: list[str]) -> list[str]:
    """Those of the folders that an account may write to. Raises OSError if it could not even try."""
    tried = attempt(who, ["sh", "-c", WRITABLE, "sh", *folders])
    if tried["status"] != 0:
        raise OSError(f"{who} could not try: {tried}")
    return tried["got"].splitlines()


def try_reading(who: str, owners: dict[str, str]) -> list[Attempt]:
    """An account lists folders, and reads a file in each that its own mode opens to everyone.

    Args:
        who: the account.
        owners: folder to the account that the file in it is to belong to.

    Returns:
        Two attempts: the listing and the reading. The files are removed again.
    """
    files = [_put(Path(folder, TRIAL), owner) for folder, owner in owners.items()]
    try:
        return [attempt(who, ["ls", "-A", "--", *owners]), attempt(who, ["cat", "--", *files])]
    finally:
        _remove(files)


def try_working(who: str, folders: list[str]) -> Attempt:
    """An account writes, reads and removes a file in each folder: `got` has a line for each that worked."""
    files = [str(Path(folder, TRIAL)) for folder in folders]
    _remove(files)
    try:
        return attempt(who, ["sh", "-c", WORK, "sh", *files])
    finally:
        _remove(files)


def _put(path: Path, owner: str) -> str:
    path.unlink(missing_ok=True)
    opened = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW)
    try:
        os.write(opened, b"private\n")
        account = pwd.getpwnam(owner)
        os.fchown(opened, account.pw_uid, account.pw_gid)
        os.fchmod(opened, 0o644)
    finally:
        os.close(opened)
    return str(path)


def _remove(files: list[str]) -> None:
    for file in files:
        Path(file).unlink(missing_ok=True)
