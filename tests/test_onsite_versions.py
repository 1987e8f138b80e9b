from pathlib import Path

import pytest

from proof.onsite import versions

STATUS = """\
Package: docker.io
Status: install ok installed
Version: 26.1.5+dfsg1-9
Description: containers
 Version: of the description

Package: ufw
Status: deinstall ok config-files
Version: 0.36
"""


def test_versions_are_those_of_what_is_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "status").write_text(STATUS)
    (tmp_path / "PG_VERSION").write_text("17\n")
    monkeypatch.setattr(versions, "STATUS", str(tmp_path / "status"))
    found = versions.read(["docker.io", "ufw", "fail2ban"], str(tmp_path))
    assert set(found) == {"system", "kernel", "docker.io", "PostgreSQL"}
    assert (found["docker.io"], found["PostgreSQL"]) == ("26.1.5+dfsg1-9", "17")
    assert found["system"]


def test_a_host_without_a_database_has_no_version_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "status").write_text(STATUS)
    monkeypatch.setattr(versions, "STATUS", str(tmp_path / "status"))
    assert "PostgreSQL" not in versions.read([], str(tmp_path / "nothing"))
