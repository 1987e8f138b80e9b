from pathlib import Path

from proof.probes import sudoers

STATUS = """\
Package: sudo-ldap
Conffiles:
 /etc/sudoers 11111111111111111111111111111111

Package: sudo
Status: install ok installed
Conffiles:
 /etc/pam.d/sudo 22222222222222222222222222222222
 /etc/sudoers 33333333333333333333333333333333
 /etc/sudoers.d/README 44444444444444444444444444444444 obsolete
Description: rules
"""


def test_the_digest_is_that_of_the_very_package_and_file() -> None:
    assert sudoers.shipped_md5(STATUS, "sudo", "/etc/sudoers") == "3" * 32
    assert sudoers.shipped_md5(STATUS, "sudo", "/etc/sudoers.d/README") == "4" * 32
    assert sudoers.shipped_md5(STATUS, "sudo", "/etc/hosts") == ""


def test_every_file_is_listed_with_owner_and_mode(tmp_path: Path) -> None:
    (tmp_path / "sudoers").touch(mode=0o440)
    folder = tmp_path / "sudoers.d"
    folder.mkdir(mode=0o750)
    (folder / "10-rule").touch()
    (folder / "10-rule").chmod(0o4664)
    found = {
        row["path"].removeprefix(str(tmp_path)): (row["mode"], row["folder"]) for row in sudoers.files(str(tmp_path))
    }
    assert found == {
        "/sudoers": ("0440", False),
        "/sudoers.d": ("0750", True),
        "/sudoers.d/10-rule": ("4664", False),
    }
