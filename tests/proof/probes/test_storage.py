import errno
import os
import pwd
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from proof.probes import account_access, folders, quotas
from proof.probes.account_access import Attempt

MOUNTS = """\
/dev/vda / ext4 rw,relatime,errors=remount-ro 0 0
proc /proc proc rw 0 0
/dev/loop0 /mnt ext4 rw,jqfmt=vfsv1,usrjquota=aquota.user 0 0
"""
FSTAB = """\
# device point type options
/dev/vda / ext4 errors=remount-ro,jqfmt=vfsv1,usrjquota= 0 1
/dev/vdb /srv xfs defaults,uquota 0 2
"""


def me() -> str:
    return pwd.getpwuid(os.getuid()).pw_name


def test_a_folder_reports_owner_mode_and_what_lies_in_it(tmp_path: Path) -> None:
    (tmp_path / "letter").touch(mode=0o600)
    (tmp_path / "letter").chmod(0o600)
    tmp_path.chmod(0o2750)
    folder = folders.read([str(tmp_path)])[0]
    assert (folder["there"], folder["user"], folder["mode"]) == (True, me(), "rwxr-s---")
    assert [entry.split()[::3] for entry in folder["entries"]] == [["letter", "rw-------"]]


def test_neither_a_dangling_link_nor_a_file_is_a_folder(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("/nowhere/at/all")
    (tmp_path / "file").touch()
    found = folders.read([str(tmp_path / name) for name in ("link", "file", "missing")])
    assert [folder["there"] for folder in found] == [False, False, False]


def test_mounts_and_fstab_ask_for_quotas_by_their_options(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mounts").write_text(MOUNTS)
    (tmp_path / "fstab").write_text(FSTAB)
    monkeypatch.setattr(quotas, "is_on", lambda device, kind: (device, kind) == ("/dev/loop0", 0))
    found = quotas.state(str(tmp_path / "mounts"), str(tmp_path / "fstab"))
    assert found["on"] == ["user quotas on /mnt (/dev/loop0)"]
    assert [entry.split()[1] for entry in found["mounted"]] == ["/mnt"]
    assert [entry.split()[1] for entry in found["listed"]] == ["/srv"]


def test_what_is_no_device_has_no_quotas() -> None:
    assert not quotas.is_on("/dev/null", 0)


def test_a_kernel_that_does_not_tell_is_no_answer() -> None:
    with pytest.raises(OSError, match="/dev/of-nobody") as caught:
        quotas.is_on("/dev/of-nobody", 0)
    assert caught.value.errno == errno.ENOENT


def test_what_lies_above_folders_is_named_once() -> None:
    assert account_access.parents(["/var/mail/a", "/var/mail/b", "/opt/c"]) == ["/", "/opt", "/var", "/var/mail"]


def test_an_account_that_is_not_there_cannot_try() -> None:
    with pytest.raises(OSError, match="no account no-such-account"):
        account_access.attempt("no-such-account", ["true"])


@pytest.mark.skipif(os.getuid() != 0, reason="only root can be somebody else")
class TestTrials:
    @pytest.fixture
    def store(self) -> Iterator[Path]:
        with tempfile.TemporaryDirectory() as name:
            Path(name).chmod(0o755)
            store = Path(name) / "store"
            store.mkdir(mode=0o700)
            yield store

    def test_a_closed_folder_shows_nothing(self, store: Path) -> None:
        looks = account_access.try_reading("nobody", {str(store): "root"})
        assert [(look["got"], look["said"].count("Permission denied")) for look in looks] == [("", 1), ("", 1)]
        assert list(store.iterdir()) == []

    def test_an_open_one_shows_names_and_content(self, store: Path) -> None:
        store.chmod(0o755)
        assert [look["got"] for look in account_access.try_reading("nobody", {str(store): "root"})] == [
            f"{account_access.TRIAL}\n",
            "private\n",
        ]

    def test_the_owner_can_work_and_leaves_nothing(self, store: Path) -> None:
        nobody = pwd.getpwnam("nobody")
        os.chown(store, nobody.pw_uid, nobody.pw_gid)
        worked: Attempt = account_access.try_working("nobody", [str(store)])
        assert (worked["got"], list(store.iterdir())) == ("kept\n", [])

    def test_others_cannot_work(self, store: Path) -> None:
        assert account_access.try_working("nobody", [str(store)])["got"] == ""

    def test_who_may_write_is_found_by_trying(self, store: Path) -> None:
        open_one = store.parent / "open"
        open_one.mkdir()
        open_one.chmod(0o777)
        assert account_access.writable_folders("nobody", [str(store), str(open_one)]) == [str(open_one)]
