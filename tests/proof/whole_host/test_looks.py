from pathlib import Path

from proof.whole_host import looks
from proof.whole_host.looks import Look


def test_the_newest_look_is_kept_for_its_owner_alone(tmp_path: Path) -> None:
    assert looks.read("vultr", tmp_path) is None
    looks.keep("vultr", {"files": {"/a": "1"}}, {}, tmp_path)
    looks.keep("vultr", {"files": {"/a": "2"}}, {"/a": "by root"}, tmp_path)
    found = looks.read("vultr", tmp_path)
    assert found is not None
    assert (found.taken, found.origins) == ({"files": {"/a": "2"}}, {"/a": "by root"})
    (path,) = tmp_path.iterdir()
    assert path.stat().st_mode & 0o777 == 0o600
    path.write_text("{")
    assert looks.read("vultr", tmp_path) is None


def test_the_host_is_asked_about_files_that_are_not_as_they_were() -> None:
    before = Look("", {"files": {"/a": "1", "/b": "1", "/gone": "1"}})
    assert looks.changed_files(before, {"files": {"/a": "1", "/b": "2", "/new": "1"}}) == ["/b", "/new"]
    assert looks.changed_files(None, {"files": {"/a": "1"}}) == []
    assert looks.changed_files(before, {"units": {}}) == []
