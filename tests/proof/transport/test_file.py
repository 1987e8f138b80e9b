"""Files: testinfra's answers, and right ones where its own are wrong."""

import datetime
import os
from pathlib import Path

import pytest

from proof.transport.modules.file import File
from tests.proof.transport.here import LocalAsker


@pytest.fixture
def asker() -> LocalAsker:
    return LocalAsker()


def test_status_of_a_file(asker: LocalAsker, tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_text("café\nend")
    path.chmod(0o4640)
    os.utime(path, (1.0e9, 1.0e9))
    file = File(asker, str(path))
    assert (file.mode, file.uid, file.gid) == (0o4640, os.getuid(), os.getgid())
    assert file.mtime == datetime.datetime.fromtimestamp(1.0e9)  # noqa: DTZ006
    assert file.content == path.read_bytes()
    assert file.content_string == "café\nend"
    assert file.is_file
    assert not file.is_directory
    assert not file.is_executable


def test_owner_without_a_name_is_its_number(asker: LocalAsker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(number: int) -> None:
        raise KeyError(number)

    monkeypatch.setattr("pwd.getpwuid", unknown)
    monkeypatch.setattr("grp.getgrgid", unknown)
    file = File(asker, str(tmp_path))
    assert (file.user, file.group) == (str(os.getuid()), str(os.getgid()))


def test_a_dangling_link_is_there_as_a_link_only(asker: LocalAsker, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "gone" / "target")
    file = File(asker, str(link))
    assert file.is_symlink
    assert not file.exists
    assert not file.is_file
    with pytest.raises(FileNotFoundError):
        _ = file.mode


def test_a_circle_of_links_leads_nowhere(asker: LocalAsker, tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to(tmp_path / "b")
    (tmp_path / "b").symlink_to(tmp_path / "a")
    assert not File(asker, str(tmp_path / "a")).exists


def test_a_path_below_a_file_does_not_exist(asker: LocalAsker) -> None:
    assert not File(asker, "/etc/passwd/x").exists


def test_kinds(asker: LocalAsker, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert File(asker, str(tmp_path)).is_directory
    assert File(asker, "/dev/null").exists
    assert not File(asker, "/dev/null").is_file


def test_content_is_not_shown(asker: LocalAsker, tmp_path: Path) -> None:
    (tmp_path / "key").write_text("private")
    assert File(asker, str(tmp_path / "key")).content == b"private"
    assert asker.asked[-1] == (f"file {tmp_path}/key content", "(7 bytes, not shown)")


def test_same_path_is_equal(asker: LocalAsker) -> None:
    assert File(asker, "/a") == File(asker, "/a") == "/a"
    assert len({File(asker, "/a"), File(asker, "/a")}) == 1
