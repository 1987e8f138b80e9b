"""A box boots on machines of other makers' kinds: any firmware, disk controller and network card that they may have.

Each boot takes one to three minutes without KVM, so these tests run only for boxes that are named.
"""

import os
import socket
import subprocess
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import pytest

from lab import bare, boot_disk, free_ports, inventory, machine, tools, vagrant_box
from lab.accelerator import Accelerator
from lab.agent import Agent, Completed, Socket
from lab.bootstrap.requirements import QEMU
from lab.waiting import wait_until

NAMED = "MAIL_BOOTED_BOXES"
FIRMWARE = Path("/usr/share/OVMF")
SECURE = "/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"
BOOT_SECONDS = 600.0

pytestmark = pytest.mark.skipif(
    not os.environ.get(NAMED), reason=f"{NAMED} names no folder with boxes to boot, as lab box --vagrant prints it"
)


@dataclass(frozen=True)
class Kind:
    """A kind of machine: firmware "bios", "uefi" or "secure" (UEFI with Secure Boot), disk controller, network card."""

    firmware: str
    disk: str
    card: str

    def arguments(self, folder: Path) -> list[str]:
        """QEMU's arguments for it, with `disk` as the disk's name; settings of UEFI are kept in the folder."""
        board = ["-machine", "pc" if self.disk == "ide" else "q35,smm=on"]
        device = "virtio-blk-pci,drive=disk" if self.disk == "virtio" else "ide-hd,drive=disk,bus=ide.0"
        if self.firmware == "bios":
            return [*board, "-device", device]
        code, settings = {
            "uefi": ("OVMF_CODE_4M.fd", "OVMF_VARS_4M.fd"),
            "secure": ("OVMF_CODE_4M.secboot.fd", "OVMF_VARS_4M.ms.fd"),
        }[self.firmware]
        kept = folder / settings
        kept.write_bytes((FIRMWARE / settings).read_bytes())
        flash = [f"file={FIRMWARE / code},readonly=on", f"file={machine.value(kept)}"]
        return [
            *(*board, "-device", device),
            *("-global", f"driver=cfi.pflash01,property=secure,value={'on' if self.firmware == 'secure' else 'off'}"),
            *(word for each in flash for word in ("-drive", f"if=pflash,format=raw,{each}")),
        ]


# Every firmware with every controller, and each of them with both cards.
KINDS = (
    Kind("bios", "ide", "e1000"),
    Kind("bios", "sata", "virtio-net-pci"),
    Kind("bios", "virtio", "e1000"),
    Kind("uefi", "ide", "virtio-net-pci"),
    Kind("uefi", "sata", "e1000"),
    Kind("uefi", "virtio", "virtio-net-pci"),
    Kind("secure", "sata", "virtio-net-pci"),
)


def unpacked(node: str, into: Path) -> Path:
    """The disk of a node's box."""
    with tarfile.open(Path(os.environ[NAMED]) / f"{node}-{vagrant_box.LIBVIRT}.box") as archive:
        archive.extract("box.img", into, filter="data")
    return into / "box.img"


@pytest.fixture(scope="session")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The hub's disk."""
    disk = unpacked("hub", tmp_path_factory.mktemp("hub"))
    yield disk
    disk.unlink()


@pytest.fixture
def ports() -> Mapping[str, int]:
    """Free ports on loopback, by the names of the ways in."""
    return dict(zip(machine.HUB_PORTS, free_ports.find_free(len(machine.HUB_PORTS)), strict=True))


@contextmanager
def booted(
    kind: Kind, node: str, disk: Path, segment: str, ports: Mapping[str, int], folder: Path
) -> Iterator[bare.Run]:
    """A machine that started from its own disk, until the end of the block. The disk is not changed.

    Args:
        kind: of machine.
        node: mail or hub.
        disk: of its box.
        segment: QEMU's way to join the machines.
        ports: on loopback, for the ways in; used for the hub.
        folder: for its files.

    Returns:
        What runs a command in it as root.
    """
    over = folder / f"{node}.qcow2"
    tools.run(["qemu-img", "create", "-q", "-f", "qcow2", "-b", disk, "-F", "qcow2", over], "Making a disk")
    command = [
        *(QEMU, *Accelerator(os.environ.get("MAIL_LAB_ACCEL", "tcg"), "").arguments),
        *("-nodefaults", "-display", "none", "-m", "768", *kind.arguments(folder)),
        *("-drive", f"if=none,id=disk,format=qcow2,cache=unsafe,file={machine.value(over)}"),
        *("-netdev", f"{segment},id=segment"),
        *("-device", f"{kind.card},netdev=segment,romfile=,mac={machine.SEGMENT_MAC[node]}"),
        *("-serial", f"file:{machine.value(folder / f'{node}.log')}"),
        *("-chardev", f"socket,id=agent,path={machine.value(folder / node)},server=on,wait=off"),
        *("-device", "virtio-serial-pci", "-device", "virtserialport,chardev=agent,name=org.qemu.guest_agent.0"),
    ]
    if node == "hub":
        forwards = ",".join(f"hostfwd=tcp:127.0.0.1:{ports[name]}-:{port}" for name, port in machine.HUB_PORTS.items())
        command += [
            *("-netdev", f"user,id=runner,restrict=on,ipv6=off,{forwards}"),
            *("-device", f"{kind.card},netdev=runner,romfile=,mac={machine.RUNNER_MAC}"),
        ]
    process = subprocess.Popen(tools.with_parent_death_signal(command))
    try:
        agent = Agent(Socket(folder / node, node), node, lambda: process.poll() is None)
        agent.wait(BOOT_SECONDS)

        def run(_: str, argv: Sequence[str], stdin: bytes = b"", timeout: float = 60.0) -> Completed:
            return agent.run(argv, stdin, timeout)

        bare.settle(run, node)
        yield run
    finally:
        process.terminate()
        process.wait()
        over.unlink()


def heard(port: int) -> bytes:
    """The first bytes that a port on loopback says."""
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        return connection.recv(7)


def needs_uefi() -> None:
    """Skip the test if this machine has no UEFI for guests."""
    if not FIRMWARE.is_dir():
        pytest.skip("there is no UEFI for QEMU here: apt install ovmf")


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: f"{kind.firmware}-{kind.disk}-{kind.card}")
def test_a_box_starts_by_itself(kind: Kind, hub: Path, ports: Mapping[str, int], tmp_path: Path) -> None:
    if kind.firmware != "bios":
        needs_uefi()
    with booted(kind, "hub", hub, "hubport,hubid=0", ports, tmp_path) as run:

        def ask(*argv: str) -> str:
            return bare.expect(run, "hub", *argv).strip()

        kernel = ask("uname", "-r")
        assert "cloud" not in kernel
        changed = run("hub", ["dpkg", "--verify", "linux-image-amd64", f"linux-image-{kernel}"]).stdout.decode()
        assert [line for line in changed.splitlines() if "/usr/share/doc/" not in line] == []
        assert "root=LABEL=hub " in ask("cat", "/proc/cmdline")
        root = "/dev/vda3" if kind.disk == "virtio" else "/dev/sda3"
        assert ask("findmnt", "--noheadings", "--output=SOURCE", "/") == root
        assert (run("hub", ["test", "-d", "/sys/firmware/efi"]).exit_status == 0) is (kind.firmware != "bios")
        if kind.firmware == "secure":
            assert ask("od", "--address-radix=n", "--format=u1", "--skip-bytes=4", SECURE) == "1"
        driver = "e1000" if kind.card == "e1000" else "virtio_net"
        assert ask("readlink", "/sys/class/net/segment/device/driver").endswith(f"/{driver}")
        assert heard(ports["hub"]) == b"SSH-2.0"
        begun = run("hub", ["bash", "-c", "echo >/dev/udp/10.0.2.2/53"])
        assert b"not permitted" in begun.stderr, "the hub can begin something towards the runner"


@pytest.fixture
def key(tmp_path: Path) -> Path:
    """A private key, with the public one beside it."""
    made = tmp_path / "key"
    tools.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", made], "Making a key")
    return made


@pytest.fixture
def public_box(key: Path, tmp_path: Path) -> Iterator[Path]:
    """The disk of mail in the shape of a public box, whose key Vagrant publishes."""
    disk = unpacked("mail", tmp_path)
    make_public(disk, key.with_suffix(".pub").read_text().strip(), tmp_path)
    yield disk
    disk.unlink()


def make_public(disk: Path, key: str, work: Path) -> None:
    """Make mail's disk one of a public box: Vagrant's account on UID 1000, no way in for root, DHCP.

    Args:
        disk: of the box of mail.
        key: public key of the account.
        work: a folder.

    Raises:
        LabError: the disk is full.
    """
    raw, notes = work / "raw", work / "notes"
    notes.mkdir()
    tools.run(["qemu-img", "convert", "-O", "raw", disk, raw], "Converting a disk")
    files = {
        "/etc/sudoers.d/vagrant": ("vagrant ALL=(ALL) NOPASSWD: ALL\n", 0o440),
        "/etc/systemd/network/10-internet.network": ("[Match]\nName=eth0\n\n[Network]\nDHCP=yes\n", 0o644),
        "/etc/tmpfiles.d/vagrant.conf": ("Z /home/vagrant 0700 vagrant vagrant\n", 0o644),
        "/home/vagrant/.ssh/authorized_keys": (f"{key}\n", 0o600),
        "/root/.ssh/authorized_keys": ("", 0o600),
    }
    for name, mode in (("passwd", 0o644), ("group", 0o644), ("shadow", 0o640), ("gshadow", 0o640)):
        read = notes / name
        tools.run(["debugfs", "-R", f'dump /etc/{name} "{read}"', boot_disk.root(raw)], "Reading from an image")
        files[f"/etc/{name}"] = (read.read_text().replace("linuxuser", "vagrant"), mode)
    made = {PurePosixPath(path): (text.encode(), mode) for path, (text, mode) in files.items()}
    vagrant_box.put(boot_disk.root(raw), made, {}, notes)
    tools.run(["qemu-img", "convert", "-f", "raw", "-O", "qcow2", raw, disk], "Converting a disk")
    raw.unlink()


def test_a_public_box_gets_its_address_from_the_hub_and_lets_vagrant_in(
    hub: Path, public_box: Path, key: Path, ports: Mapping[str, int], tmp_path: Path
) -> None:
    needs_uefi()
    wire = f"addr.type=unix,addr.path={machine.value(tmp_path / 'segment')}"
    with (
        booted(Kind("bios", "sata", "e1000"), "hub", hub, f"stream,server=on,{wire}", ports, tmp_path),
        booted(Kind("uefi", "ide", "e1000"), "mail", public_box, f"stream,server=off,{wire}", ports, tmp_path) as run,
    ):
        values = inventory.variables()
        wait_until(
            lambda: values["public_address"] in bare.expect(run, "mail", "ip", "address", "show", "eth0"),
            "an address by DHCP",
            60,
        )
        options = ("-F", "none", "-o", "StrictHostKeyChecking=no", "-o", f"UserKnownHostsFile={tmp_path / 'known'}")
        way = ("-i", key, "-o", "IdentitiesOnly=yes", "-p", str(ports["fresh"]), "vagrant@127.0.0.1")
        assert tools.run(["ssh", *options, *way, "id -u; sudo -n id -u"], "Logging in").split() == ["1000", "0"]
