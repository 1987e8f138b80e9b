"""The files that sudo reads its rules from; runs on the host."""

import hashlib
import stat
from pathlib import Path
from typing import TypedDict


class RuleFile(TypedDict):
    """A file or folder of rules: owner and group by number, mode in octal with four digits."""

    path: str
    uid: int
    gid: int
    mode: str
    folder: bool


class Conffile(TypedDict):
    """A configuration file of a package: its MD5 as the package shipped it, and as it is now."""

    path: str
    shipped: str
    present: str


def files(etc: str = "/etc") -> list[RuleFile]:
    """The main file, the folder beside it, and everything in that folder."""
    folder = Path(etc) / "sudoers.d"
    found = []
    for path in [Path(etc) / "sudoers", folder, *sorted(folder.rglob("*"))]:
        status = path.lstat()
        found.append(
            RuleFile(
                path=str(path),
                uid=status.st_uid,
                gid=status.st_gid,
                mode=f"{stat.S_IMODE(status.st_mode):04o}",
                folder=stat.S_ISDIR(status.st_mode),
            )
        )
    return found


def shipped_md5(status: str, package: str, path: str) -> str:
    """MD5 of a conffile as its package shipped it, from the text of dpkg's status; empty if unknown."""
    for paragraph in status.split("\n\n"):
        if paragraph.startswith(f"Package: {package}\n"):
            for line in paragraph.splitlines():
                words = line.split()
                if line.startswith(" /") and words[0] == path:
                    return words[1]
    return ""


def conffile(package: str, path: str) -> Conffile:
    """A configuration file compared with what the installed package brought."""
    return Conffile(
        path=path,
        shipped=shipped_md5(Path("/var/lib/dpkg/status").read_text(), package, path),
        present=hashlib.md5(Path(path).read_bytes(), usedforsecurity=False).hexdigest(),
    )
