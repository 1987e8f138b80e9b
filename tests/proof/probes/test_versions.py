import os
from pathlib import Path

import pytest

from proof.probes import versions

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


@pytest.fixture(autouse=True)
def docker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A Docker client before all others, whose container does not run."""
    folder = tmp_path / "bin"
    folder.mkdir()
    client = folder / "docker"
    client.write_text("#!/bin/sh\nexit 1\n")
    client.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    return client


SAID = [
    ("postgres (PostgreSQL) 17.6", "17.6"),
    ("postgres (PostgreSQL) 17.6 (Debian 17.6-0+deb13u1)", "17.6 (Debian 17.6-0+deb13u1)"),
    ("something else", "17"),
]


@pytest.mark.parametrize(("said", "version"), SAID)
def test_the_server_itself_reports_its_version(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, docker: Path, said: str, version: str
) -> None:
    (tmp_path / "status").write_text(STATUS)
    (tmp_path / "PG_VERSION").write_text("17\n")
    monkeypatch.setattr(versions, "STATUS", str(tmp_path / "status"))
    docker.write_text(f'#!/bin/sh\n[ "$*" = "exec database postgres --version" ] && echo "{said}"\n')
    assert versions.read([], str(tmp_path), "database")["PostgreSQL"] == version


def test_versions_are_those_of_what_is_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "status").write_text(STATUS)
    (tmp_path / "PG_VERSION").write_text("17\n")
    monkeypatch.setattr(versions, "STATUS", str(tmp_path / "status"))
    found = versions.read(["docker.io", "ufw", "fail2ban"], str(tmp_path), "database")
    assert set(found) == {"system", "kernel", "docker.io", "PostgreSQL"}
    assert (found["docker.io"], found["PostgreSQL"]) == ("26.1.5+dfsg1-9", "17")
    assert found["system"]


def test_a_host_without_a_database_has_no_version_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "status").write_text(STATUS)
    monkeypatch.setattr(versions, "STATUS", str(tmp_path / "status"))
    assert "PostgreSQL" not in versions.read([], str(tmp_path / "nothing"), "database")
