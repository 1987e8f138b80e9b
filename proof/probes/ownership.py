"""Who owns the files of the host's local file systems; runs on the host."""

import grp
import pwd
import subprocess
from pathlib import Path
from typing import TypedDict

LOCAL = frozenset({"btrfs", "ext2", "ext3", "ext4", "f2fs", "tmpfs", "vfat", "xfs"})
# Layers of images hold the accounts of the image, not of the host.
LEFT_OUT = ("/var/lib/containerd", "/var/lib/docker")


class Owned(TypedDict):
    """A file that is not root's alone; `user` and `group` are empty if no one has that number."""

    path: str
    uid: int
    gid: int
    user: str
    group: str


def local_mounts(mountinfo: str) -> list[str]:
    """Mount points of local file systems in the text of /proc/self/mountinfo, each file system once."""
    first: dict[str, str] = {}
    for line in mountinfo.splitlines():
        before, after = line.split(" - ", 1)
        device, root, point = before.split()[2:5]
        if after.split()[0] in LOCAL and root == "/":
            first.setdefault(device, point.encode().decode("unicode_escape"))
    return list(first.values())


def user_name(uid: int) -> str:
    """The account with this UID, empty if there is none."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return ""


def group_name(gid: int) -> str:
    """The group with this GID, empty if there is none."""
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return ""


def not_roots() -> list[Owned]:
    """Every file on all local file systems that is not root:root."""
    pruned = [part for path in LEFT_OUT for part in ("-path", path, "-prune", "-o")]
    return _find(local_mounts(Path("/proc/self/mountinfo").read_text()), pruned, 0, 0)


def not_owned_by(folder: str, uid: int, gid: int) -> list[Owned]:
    """Every file in a folder that is not of this user and this group, the folder itself included."""
    return _find([folder], [], uid, gid)


def _find(starts: list[str], pruned: list[str], uid: int, gid: int) -> list[Owned]:
    others = ["(", "!", "-uid", str(uid), "-o", "!", "-gid", str(gid), ")"]
    found = subprocess.run(
        ["find", *starts, "-xdev", *pruned, *others, "-printf", r"%U %G %p\0"],
        capture_output=True,
        check=False,
    )
    complaints = [line for line in found.stderr.decode().splitlines() if "No such file" not in line]
    if complaints:
        raise OSError(f"find could not read everything: {complaints[:5]}")
    rows = [row.split(" ", 2) for row in found.stdout.decode(errors="backslashreplace").split("\0") if row]
    users = {user: user_name(int(user)) for user in {row[0] for row in rows}}
    groups = {group: group_name(int(group)) for group in {row[1] for row in rows}}
    return [
        Owned(path=path, uid=int(user), gid=int(group), user=users[user], group=groups[group])
        for user, group, path in rows
    ]


def unowned(files: list[Owned]) -> list[Owned]:
    """Those without an owner: a number that belongs to no user or no group."""
    return [file for file in files if not file["user"] or not file["group"]]
