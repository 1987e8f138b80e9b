from pathlib import Path

from proof.whole_host import looks


def test_the_newest_look_is_kept_for_its_owner_alone(tmp_path: Path) -> None:
    assert looks.read("vultr", tmp_path) is None
    looks.keep("vultr", {"files": {"/a": "1"}}, tmp_path)
    looks.keep("vultr", {"files": {"/a": "2"}}, tmp_path)
    found = looks.read("vultr", tmp_path)
    assert found is not None
    assert found.taken == {"files": {"/a": "2"}}
    (path,) = tmp_path.iterdir()
    assert path.stat().st_mode & 0o777 == 0o600
    path.write_text("{")
    assert looks.read("vultr", tmp_path) is None
