from pathlib import Path

from proof.whole_host import journal, looks
from proof.whole_host.looks import Look


def test_the_newest_look_is_kept_for_its_owner_alone(tmp_path: Path) -> None:
    assert looks.read("vultr", tmp_path) is None
    looks.keep("vultr", {"files": {"/a": "1"}}, {}, "", tmp_path)
    looks.keep("vultr", {"files": {"/a": "2"}}, {"/a": "by root"}, "dpkg: install x", tmp_path)
    found = looks.read("vultr", tmp_path)
    assert found is not None
    assert (found.taken, found.origins) == ({"files": {"/a": "2"}}, {"/a": "by root"})
    assert found.meanwhile == "dpkg: install x"
    (path,) = tmp_path.iterdir()
    assert path.stat().st_mode & 0o777 == 0o600
    path.write_text("{")
    assert looks.read("vultr", tmp_path) is None


def test_only_sections_of_both_looks_are_compared() -> None:
    before = {"files": {"/a": "1", "/b": "1", "/gone": "1"}, "network": {"x": "1"}}
    found = looks.changes(before, {"files": {"/a": "1", "/b": "2", "/new": "1"}, "units": {"u": "1"}})
    assert [(one.name, one.after) for one in found] == [("/b", "2"), ("/gone", ""), ("/new", "1")]


def test_what_is_no_file_has_what_was_done_in_the_time_between() -> None:
    before = Look("1", {"files": {}, "units": {}})
    after = Look("2", {"files": {"/a": "1"}, "units": {"u": "active"}}, {"/a": "changed"}, "dpkg: install u 1.0")
    found = {one.name: one.origin for one in journal.between("vultr", before, after)}
    assert found == {"/a": "changed", "u": "dpkg: install u 1.0"}
