import os
from pathlib import Path

from proof.probes import ownership
from proof.probes.ownership import Owned

MOUNTS = r"""
22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
23 22 0:21 / /proc rw - proc proc rw
24 22 0:22 / /run rw shared:5 - tmpfs tmpfs rw
25 22 8:1 /var/lib /mnt/again rw - ext4 /dev/sda1 rw
26 22 8:2 / /with\040space rw - xfs /dev/sda2 rw
27 22 8:2 / /twice rw - xfs /dev/sda2 rw
28 22 0:30 / /net rw - nfs4 server:/ rw
29 22 0:31 / /var/lib/docker/overlay2/a/merged rw - overlay overlay rw
""".strip()


def owned(user: str, group: str) -> Owned:
    return Owned(path="/file", uid=1, gid=1, user=user, group=group)


def test_every_local_file_system_is_searched_once() -> None:
    assert ownership.local_mounts(MOUNTS) == ["/", "/run", "/with space"]


def test_a_number_without_a_name_is_no_owner() -> None:
    files = [owned("ann", "ann"), owned("", "ann"), owned("ann", "")]
    assert ownership.unowned(files) == files[1:]


def test_finds_what_is_not_entirely_somebodys(tmp_path: Path) -> None:
    (tmp_path / "a file").touch()
    (tmp_path / "link").symlink_to("/etc/hostname")
    uid, gid = os.getuid(), os.getgid()
    assert ownership.not_owned_by(str(tmp_path), uid, gid) == []
    others = ownership.not_owned_by(str(tmp_path), uid, gid + 1)
    assert {file["path"] for file in others} == {str(tmp_path), f"{tmp_path}/a file", f"{tmp_path}/link"}


def test_a_number_that_no_one_has_gets_no_name() -> None:
    assert ownership.user_name(3_999_999_999) == ownership.group_name(3_999_999_999) == ""
    assert ownership.user_name(0) == "root"
