"""Kernel parameters, mounts, interfaces and the system itself."""

import json
from pathlib import Path

import pytest

from proof.transport.errors import NoAnswerError
from proof.transport.modules.interface import Interface, Interfaces
from proof.transport.modules.system import MountPoint, Sysctl
from proof.transport.rpc import handshake, kernel, links
from proof.transport.rpc.errors import UnanswerableError
from tests.proof.transport.here import LocalAsker


@pytest.fixture
def asker() -> LocalAsker:
    return LocalAsker()


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("net.ipv4.ip_forward", "net/ipv4/ip_forward"),
        ("net/ipv4/ip_forward", "net/ipv4/ip_forward"),
        ("net.ipv4.conf.eth0/100.rp_filter", "net/ipv4/conf/eth0.100/rp_filter"),
        ("net/ipv4/conf/eth0.100/rp_filter", "net/ipv4/conf/eth0.100/rp_filter"),
    ],
)
def test_names_of_kernel_parameters(name: str, path: str) -> None:
    assert kernel.path_of(name) == path


def test_kernel_parameters(asker: LocalAsker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernel, "PARAMETERS", tmp_path)
    given = {"one": "1\n", "minus": "-1\n", "several": "4096\t87380\t6291456\n", "word": "cubic\n", "odd": "1_000\n"}
    for name, text in given.items():
        (tmp_path / name).write_text(text)
    sysctl = Sysctl(asker)
    assert (sysctl("one"), sysctl("minus"), sysctl("word")) == (1, -1, "cubic")
    assert sysctl("several") == "4096\t87380\t6291456"
    assert sysctl("odd") == "1_000"  # testinfra: 1000
    with pytest.raises(UnanswerableError, match=r"kernel parameter no\.such: No such file"):
        sysctl("no.such")


MOUNTS = """\
rootfs / rootfs rw 0 0
/dev/vda / ext4 rw,relatime 0 0
tmpfs /mnt/a\\040b tmpfs rw,nosuid 0 0
/dev/vdb /mnt/twice ext4 rw 0 0
overlay /mnt/twice overlay ro 0 0
"""


def test_mounts(asker: LocalAsker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """testinfra does not read escapes, and of two mounts on one path finds the hidden one."""
    (tmp_path / "mounts").write_text(MOUNTS)
    monkeypatch.setattr(kernel, "MOUNTS", tmp_path / "mounts")
    root = MountPoint(asker, "/")
    assert (root.exists, root.device) == (True, "/dev/vda")
    assert MountPoint(asker, "/mnt/a b").exists
    assert not MountPoint(asker, "/mnt").exists
    with pytest.raises(NoAnswerError, match="nothing is mounted at /mnt"):
        _ = MountPoint(asker, "/mnt").options


def test_loopback(asker: LocalAsker) -> None:
    lo = Interfaces(asker)("lo")
    assert lo.exists
    assert "127.0.0.1/8" in lo.networks
    assert "127.0.0.1" in lo.addresses
    assert all(":" not in address for address in Interface(asker, "lo", "inet").addresses)
    assert all(":" in address for address in Interface(asker, "lo", "inet6").addresses)
    assert lo.is_up
    assert "lo" in Interfaces(asker).names()


def test_no_interface(asker: LocalAsker) -> None:
    gone = Interface(asker, "gone0")
    assert not gone.exists
    with pytest.raises(UnanswerableError, match="no interface gone0"):
        _ = gone.addresses
    with pytest.raises(UnanswerableError, match="no interface gone0"):
        _ = gone.is_up


ROUTES = """\
Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
wg0\t0000640A\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0
eth1\t00000000\t0100A8C0\t0003\t0\t0\t200\t00000000\t0\t0\t0
eth0\t00000000\t016433C6\t0003\t0\t0\t100\t00000000\t0\t0\t0
"""
ROUTES6 = (
    "00000000000000000000000000000000 00 00000000000000000000000000000000 00 "
    "00000000000000000000000000000000 ffffffff 00000001 00000000 00200200       lo\n"
)


def test_default_route(asker: LocalAsker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """testinfra takes the last line with the word in it, and an interface without a name if there is none."""
    (tmp_path / "route").write_text(ROUTES)
    (tmp_path / "ipv6_route").write_text(ROUTES6)
    monkeypatch.setattr(links, "NET", tmp_path)
    found = Interfaces(asker).default()
    assert found
    assert found.name == "eth0"
    assert Interfaces(asker).default("inet6") is None


@pytest.mark.skipif(not Path("/usr/bin/ip").exists() and not Path("/sbin/ip").exists(), reason="there is no ip(8) here")
def test_what_ip_prints(asker: LocalAsker) -> None:
    lo = Interface(asker, "lo")
    assert lo.link[0]["ifname"] == "lo"
    assert json.dumps(lo.routes())


def test_greeting(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("os.chdir", lambda _: None)
    (tmp_path / "os-release").write_text('# comment\nID=debian\nVERSION_ID="13"\nNAME="Debian = Linux"\n')
    monkeypatch.setattr(handshake, "OS_RELEASE", tmp_path / "os-release")
    told = handshake.hello()
    assert (told["distribution"], told["release"], told["codename"]) == ("debian", "13", "")
    assert told["type"] == "linux"
