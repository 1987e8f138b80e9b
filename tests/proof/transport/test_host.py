"""Our hosts have all that testinfra's have."""

import pytest
from testinfra.modules.file import GNUFile
from testinfra.modules.group import Group as TheirGroup
from testinfra.modules.interface import LinuxInterface
from testinfra.modules.mountpoint import LinuxMountPoint
from testinfra.modules.package import DebianPackage
from testinfra.modules.service import SystemdService
from testinfra.modules.socket import LinuxSocketSS
from testinfra.modules.systeminfo import SystemInfo as TheirSystemInfo
from testinfra.modules.user import User as TheirUser

from proof.transport.observation import Observation
from tests.proof.transport.here import host_here

# What Python functions and dataclasses of ours add.
OUR_OWN = {"is_up", "networks", "path", "spec", "file_state", "state", "family"}


@pytest.mark.parametrize(
    ("noun", "name", "theirs"),
    [
        ("file", "/", GNUFile),
        ("user", "root", TheirUser),
        ("group", "root", TheirGroup),
        ("package", "bash", DebianPackage),
        ("service", "ssh", SystemdService),
        ("socket", "tcp://22", LinuxSocketSS),
        ("interface", "lo", LinuxInterface),
        ("mount_point", "/", LinuxMountPoint),
        ("system_info", "", TheirSystemInfo),
    ],
)
def test_every_member_has_its_name_in_testinfra(noun: str, name: str, theirs: type) -> None:
    """What is answered natively keeps testinfra's names; only what a step uses is answered."""
    factory = getattr(host_here([]), noun)
    ours = {word for word in dir(type(factory(name)) if name else type(factory)) if not word.startswith("_")}
    assert ours - set(dir(theirs)) <= OUR_OWN


def test_the_rest_is_testinfras_own() -> None:
    seen: list[Observation] = []
    host = host_here(seen)
    assert host.addr("127.0.0.1").name == "127.0.0.1"
    assert host.backend.get_hostname() == host.name == "here"
    assert seen == []


def test_other_words_are_an_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'coffee'"):
        _ = host_here([]).coffee


def test_sudo_of_testinfra_goes_before_the_command() -> None:
    host = host_here([])
    with host.sudo("someone"):
        command = host.backend.get_command("echo %s", "a b")
    assert command == """sudo -u someone /bin/sh -c 'echo '"'"'a b'"'"''"""
    host.close()
