"""The quota scripts, as far as they go without a file system of their own."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from lab.paths import PROVISION

SCRIPTS = PROVISION / "roles" / "quota" / "files"
FSTAB = """\
# the root
/dev/vda / ext4 errors=remount-ro 0 1
LABEL=a#b\t/srv   ext4\tdefaults 0 2 # mail
/dev/vdc /srv/deeper ext4 noauto 0 2
#/dev/vdd /srv ext4 defaults 0 2
"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    shutil.copytree(SCRIPTS, tmp_path / "quota")
    (tmp_path / "quota" / "settings.sh").write_text(f"readonly MAIL_STORE={tmp_path}/store\n")
    (tmp_path / "fstab").write_text(FSTAB)
    return tmp_path


def run(home: Path, *argv: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "LIBMOUNT_FSTAB": str(home / "fstab")}
    return subprocess.run(argv, cwd=home / "quota", env=environment, capture_output=True, text=True, check=False)


def edit(home: Path, how: str, place: str) -> str:
    done = run(home, "bash", "-euo", "pipefail", "-c", 'source ./common.sh; edit_fstab "$@"', "bash", how, place)
    assert done.returncode == 0, done.stderr
    return (home / "fstab").read_text()


def test_one_entry_gets_the_options_and_everything_else_stays(home: Path) -> None:
    wanted = FSTAB.replace("\tdefaults", "\tdefaults,usrjquota=aquota.user,jqfmt=vfsv1", 1)
    assert edit(home, "add", "/srv") == wanted
    assert edit(home, "add", "/srv") == wanted
    assert (home / "fstab.before-quotas").read_text() == FSTAB


@pytest.mark.parametrize("place", ["/", "/srv", "/srv/deeper", "/not/there"])
def test_removing_leads_back_byte_for_byte(home: Path, place: str) -> None:
    mode = (home / "fstab").stat().st_mode
    edit(home, "add", place)
    assert edit(home, "remove", place) == FSTAB
    assert (home / "fstab").stat().st_mode == mode
    assert {path.name for path in home.iterdir()} <= {"quota", "fstab", "fstab.before-quotas"}


def test_what_someone_else_added_meanwhile_stays(home: Path) -> None:
    text = edit(home, "add", "/")
    (home / "fstab").write_text(text.replace("jqfmt=vfsv1", "jqfmt=vfsv1,noatime"))
    assert "/dev/vda / ext4 errors=remount-ro,noatime 0 1\n" in edit(home, "remove", "/")


@pytest.mark.parametrize("name", ["enable_quotas.sh", "check_quotas.sh", "set_quota.sh"])
def test_each_script_explains_itself_and_refuses_wrong_use(home: Path, name: str) -> None:
    asked, wrong = run(home, f"./{name}", "--help"), run(home, f"./{name}", "--wrong")
    assert (asked.returncode, asked.stdout.startswith(f"usage: {name} ")) == (0, True)
    assert (wrong.returncode, wrong.stdout, "--help" in wrong.stderr) == (2, "", True)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ((), "a user and two sizes"),
        (("no-such-user", "1M", "2M"), "no user no-such-user"),
        (("root", "1MB", "2M"), "1MB is no size"),
        (("root", "-1M", "2M"), "-1M is no size"),
        (("root", "1", "2M"), "1 is no size"),
        (("root", "2G", "900M"), "above the hard limit"),
    ],
)
def test_a_limit_that_makes_no_sense_is_refused(home: Path, arguments: tuple[str, ...], complaint: str) -> None:
    done = run(home, "./set_quota.sh", *arguments)
    assert (done.returncode, complaint in done.stderr) == (2, True), done.stderr
