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
    assert (file.size, file.inode) == (9, path.stat().st_ino)
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
    assert file.linked_to == str(tmp_path / "gone" / "target")
    with pytest.raises(FileNotFoundError):
        _ = file.mode


def test_nothing_links_nowhere(asker: LocalAsker, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        _ = File(asker, str(tmp_path / "none")).linked_to


def test_a_circle_of_links_leads_nowhere(asker: LocalAsker, tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to(tmp_path / "b")
    (tmp_path / "b").symlink_to(tmp_path / "a")
    assert not File(asker, str(tmp_path / "a")).exists


def test_a_path_below_a_file_does_not_exist(asker: LocalAsker) -> None:
    assert not File(asker, "/etc/passwd/x").exists


def test_kinds(asker: LocalAsker, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert File(asker, str(tmp_path / "pipe")).is_pipe
    assert File(asker, str(tmp_path)).is_directory
    assert File(asker, "/dev/null").exists
    assert not File(asker, "/dev/null").is_file
    assert not File(asker, "/dev/null").is_socket


def test_digest_of_a_missing_file_fails(asker: LocalAsker, tmp_path: Path) -> None:
    """testinfra's is the empty text: its pipe into cut hides that md5sum failed."""
    with pytest.raises(FileNotFoundError):
        _ = File(asker, str(tmp_path / "none")).md5sum
    (tmp_path / "odd\\name").write_bytes(b"")
    file = File(asker, str(tmp_path / "odd\\name"))
    assert file.md5sum == "d41d8cd98f00b204e9800998ecf8427e"
    assert file.sha256sum.startswith("e3b0c44298fc1c14")


def test_a_listing_has_hidden_and_odd_names(asker: LocalAsker, tmp_path: Path) -> None:
    """testinfra leaves the hidden ones out, and shows a line's end as a question mark."""
    for name in (".hidden", "b", "a\nb"):
        (tmp_path / name).touch()
    assert File(asker, str(tmp_path)).listdir() == [".hidden", "a\nb", "b"]
    with pytest.raises(NotADirectoryError):
        File(asker, "/etc/passwd").listdir()


@pytest.mark.parametrize(
    ("pattern", "found"),
    [("plain text", True), ("^plain", True), ("no[pt]", True), ("^text", False), ("a.c", False), ("(x)", True)],
)
def test_contains_follows_grep(asker: LocalAsker, tmp_path: Path, pattern: str, found: bool) -> None:
    (tmp_path / "a").write_text("plain text\n(x) not\n")
    assert File(asker, str(tmp_path / "a")).contains(pattern) is found


def test_a_missing_file_contains_neither_yes_nor_no(asker: LocalAsker, tmp_path: Path) -> None:
    file = File(asker, str(tmp_path / "none"))
    with pytest.raises(FileNotFoundError):
        file.contains("plain")
    with pytest.raises(AssertionError, match="cannot be searched"):
        file.contains("^regex")


def test_content_is_not_shown(asker: LocalAsker, tmp_path: Path) -> None:
    (tmp_path / "key").write_text("private")
    assert File(asker, str(tmp_path / "key")).content == b"private"
    assert asker.asked[-1] == (f"file {tmp_path}/key content", "(7 bytes, not shown)")


def test_same_path_is_equal(asker: LocalAsker) -> None:
    assert File(asker, "/a") == File(asker, "/a") == "/a"
    assert len({File(asker, "/a"), File(asker, "/a")}) == 1
