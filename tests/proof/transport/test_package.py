"""Packages: testinfra's answers, and right ones where its own are wrong."""

from pathlib import Path

import pytest

from proof.transport.errors import NoAnswerError
from proof.transport.modules.package import Package
from proof.transport.rpc import packages
from tests.proof.transport.here import LocalAsker

STATUS = """\
Package: openssh-server
Status: install ok installed
Architecture: amd64
Source: openssh
Version: 1:10.0p1-7+deb13u4
Description: secure shell
 Version: not this one

Package: removed
Status: deinstall ok config-files
Architecture: amd64
Version: 2.0-1
Config-Version: 2.0-1

Package: both
Status: install ok installed
Architecture: amd64
Version: 3.0

Package: both
Status: install ok installed
Architecture: i386
Version: 3.0

Package: leaving
Status: deinstall ok installed
Architecture: all
Version: 4.0-2

Package: held
Status: hold ok installed
Architecture: all
Version: 5.0-1~deb13u1

Package: broken
Status: install reinstreq half-installed
Architecture: all
Version: 6.0-1

Package: waiting
Status: install ok triggers-pending
Architecture: all
Version: 7.0-1

Package: half
Status: install ok half-configured
Architecture: all
Version: 8.0-1
"""


@pytest.fixture
def status(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "status"
    path.write_text(STATUS)
    monkeypatch.setattr(packages, "STATUS", path)
    return path


@pytest.mark.usefixtures("status")
@pytest.mark.parametrize(
    ("name", "installed"),
    [
        ("openssh-server", True),
        ("openssh", False),
        ("removed", False),
        ("both", True),  # testinfra reads "installedinstall" and says no
        ("both:i386", True),
        ("both:arm64", False),
        ("leaving", True),  # testinfra goes by what is wished, not by what is there
        ("held", True),
        ("broken", False),
        ("waiting", True),
        ("half", False),
        ("openssh*", False),  # testinfra takes a pattern
        ("no-such", False),
    ],
)
def test_installed(name: str, installed: bool) -> None:
    assert Package(LocalAsker(), name).is_installed is installed


@pytest.mark.usefixtures("status")
def test_version_and_revision() -> None:
    ssh, native = Package(LocalAsker(), "openssh-server"), Package(LocalAsker(), "both")
    assert (ssh.version, ssh.release) == ("1:10.0p1-7+deb13u4", "7+deb13u4")
    assert (native.version, native.release) == ("3.0", "")


@pytest.mark.usefixtures("status")
def test_removed_has_no_version() -> None:
    with pytest.raises(NoAnswerError, match="package removed is not installed"):
        _ = Package(LocalAsker(), "removed").version


def test_read_once_until_it_changes(status: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = Package(LocalAsker(), "new")
    assert not package.is_installed
    reads: list[str] = []
    real = packages.parsed

    def parsed(text: str) -> dict[str, list[packages.Entry]]:
        reads.append(text)
        return real(text)

    monkeypatch.setattr(packages, "parsed", parsed)
    assert not package.is_installed
    assert reads == []
    replaced = status.with_name("status-new")
    replaced.write_text(STATUS + "\nPackage: new\nStatus: install ok installed\nArchitecture: all\nVersion: 1\n")
    replaced.rename(status)
    assert package.is_installed
    assert len(reads) == 1
