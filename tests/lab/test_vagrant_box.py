import json
import os
import subprocess
import tarfile
import uuid
from pathlib import Path, PurePosixPath
from xml.etree import ElementTree

import pytest

from lab import boot_disk, inventory, machine, vagrant_box
from lab.boot_disk import Parts
from lab.box import Box
from lab.errors import LabError
from lab.identity import Identity, WireGuardKeys
from lab.nodes import NODES

KEYS = PurePosixPath("/root/.ssh/authorized_keys")


@pytest.fixture
def owner(tmp_path: Path) -> Identity:
    key = tmp_path / "id_ed25519"
    key.with_suffix(".pub").write_text("ssh-ed25519 AAAA runner\n")
    return Identity(key, WireGuardKeys("mail-private", "mail-public"), WireGuardKeys("hub-private", "hub-public"))


@pytest.fixture
def box(tmp_path: Path) -> Box:
    folder = tmp_path / "box"
    folder.mkdir()
    tree = tmp_path / "tree"
    (tree / "etc").mkdir(parents=True)
    (tree / "etc" / "hostname").write_text("unnamed, and longer than what replaces it\n")
    (tree / "var" / "lib" / "dpkg").mkdir(parents=True)
    (tree / "var" / "lib" / "dpkg" / "status").write_text("Package: base-files\n\n")
    for node in NODES:
        subprocess.run(
            ["/sbin/mke2fs", "-q", "-t", "ext4", "-d", tree, folder / f"{node}.img", "8M"], check=True, timeout=60
        )
    (folder / "vmlinuz").write_bytes(b"kernel")
    (folder / "initrd.img").write_bytes(b"initrd")
    return Box("key", folder)


@pytest.fixture
def parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Parts:
    """What mmdebstrap would have made, in small, for small disks; the cache is an empty one."""
    monkeypatch.setenv("MAIL_LAB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(vagrant_box, "DISK_GIB", dict.fromkeys(NODES, 0))
    folder = tmp_path / "parts"
    (folder / "boot").mkdir(parents=True)
    (folder / "boot" / "vmlinuz-6").write_bytes(b"generic kernel")
    (folder / "vmlinuz").symlink_to("boot/vmlinuz-6")
    for name, content in (("boot.img", b"B" * 512), ("core.img", b"C" * 2048), ("esp.img", b"E" * 4096)):
        (folder / name).write_bytes(content)
    (folder / "status").write_text("Package: linux-image-amd64\n")
    with tarfile.open(folder / "files.tar", "w") as archive:
        for name in ("boot", "boot/vmlinuz-6", "vmlinuz"):
            archive.add(folder / name, name, recursive=False)
    monkeypatch.setattr(boot_disk, "parts", lambda _: Parts(folder))
    return Parts(folder)


@pytest.fixture
def packed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Boxes are small files, another at each time."""
    monkeypatch.setenv("MAIL_LAB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(boot_disk, "parts", lambda _: None)
    monkeypatch.setattr(os, "sync", lambda: None)
    monkeypatch.setattr(
        vagrant_box, "pack", lambda node, *given: vagrant_box.box_file(node, given[-1]).write_text(str(uuid.uuid4()))
    )


def debugfs(image: Path | str, command: str) -> str:
    asked = ["/sbin/debugfs", "-R", command, str(image)]
    done = subprocess.run(asked, check=True, capture_output=True, text=True, timeout=60)
    return done.stdout


def test_a_machine_of_vagrant_is_set_up_as_one_of_the_lab(owner: Identity) -> None:
    values = inventory.variables()
    mail, hub = (vagrant_box.written(node, owner, values) for node in ("mail", "hub"))
    assert mail[KEYS] == hub[KEYS] == (b"ssh-ed25519 AAAA runner\n", 0o600)
    assert values["public_address"].encode() in mail[PurePosixPath("/etc/systemd/network/10-internet.network")][0]
    assert hub[PurePosixPath("/etc/wireguard/wg0.conf")][1] == 0o600
    assert PurePosixPath("/etc/lab-relay-fresh.env") in hub
    assert machine.SEGMENT_MAC["hub"].encode() in hub[vagrant_box.BRIDGE_LINK][0]
    assert vagrant_box.BRIDGE_LINK not in mail


def test_no_private_key_of_the_hub_is_on_mail(owner: Identity) -> None:
    mail = vagrant_box.written("mail", owner, inventory.variables())
    assert not any(b"private" in content for content, _ in mail.values())


def test_files_replace_those_of_the_image_and_belong_to_root(box: Box, tmp_path: Path) -> None:
    image, name = box.image("mail"), PurePosixPath("/etc/hostname")
    vagrant_box.put(image, {name: (b"mail\n", 0o644), KEYS: (b"key\n", 0o600)}, {}, tmp_path)
    assert debugfs(image, "cat /etc/hostname") == "mail\n"
    told = debugfs(image, f"stat {KEYS}")
    assert "Mode:  0600" in told
    assert "User:     0   Group:     0" in told
    assert subprocess.run(["/sbin/e2fsck", "-fn", image], check=False, timeout=60).returncode == 0


def test_a_full_image_is_an_error(box: Box, tmp_path: Path) -> None:
    with pytest.raises(LabError, match="could not be written"):
        vagrant_box.put(box.image("mail"), {KEYS: (bytes(range(256)) * 65536, 0o600)}, {}, tmp_path)


def unpacked(made: Path, into: Path) -> Path:
    """The content of a .box."""
    with tarfile.open(made) as archive:
        archive.extractall(into, filter="data")
    return into


@pytest.mark.parametrize("node", NODES)
def test_a_box_boots_by_itself_and_is_read_by_its_owner_alone(
    node: str, box: Box, owner: Identity, parts: Parts, tmp_path: Path
) -> None:
    files = vagrant_box.written(node, owner, inventory.variables())
    made = vagrant_box.pack(node, box, files, parts, vagrant_box.LIBVIRT)
    assert made.stat().st_mode & 0o077 == 0
    assert [path.name for path in vagrant_box.home().iterdir()] == [f"{node}-libvirt.box"]
    out = unpacked(made, tmp_path / "out")
    about = json.loads((out / "metadata.json").read_text())
    disk = out / "raw"
    subprocess.run(["qemu-img", "convert", "-O", "raw", out / "box.img", disk], check=True, timeout=60)
    assert about == {"provider": "libvirt", "format": "qcow2", "virtual_size": disk.stat().st_size >> 30}
    root = boot_disk.root(disk)
    assert subprocess.run(["/sbin/e2fsck", "-fn", root], check=False, timeout=60).returncode == 0
    assert debugfs(root, "cat /etc/hostname") == f"{node}\n"
    assert debugfs(root, "cat /etc/fstab").startswith(f"LABEL={node} / ext4 ")
    assert debugfs(root, "cat /boot/vmlinuz-6") == "generic kernel"
    assert "boot/vmlinuz-6" in debugfs(root, "stat /vmlinuz")
    assert debugfs(root, "cat /var/lib/dpkg/status") == "Package: base-files\n\nPackage: linux-image-amd64\n\n"
    assert "ssh_host_ed25519_key" in debugfs(root, "ls /etc/ssh")
    assert ("wg-quick@wg0" in debugfs(root, "ls /etc/systemd/system/multi-user.target.wants")) is (node == "hub")
    assert ("nftables" in debugfs(root, "ls /etc/systemd/system/sysinit.target.wants")) is (node == "hub")


def test_a_disk_starts_on_bios_and_has_what_uefi_looks_for(box: Box, parts: Parts, tmp_path: Path) -> None:
    disk = tmp_path / "disk,1"
    boot_disk.make(box.image("mail"), 1, parts, disk)
    listed = subprocess.run(["/sbin/sfdisk", "--json", disk], capture_output=True, check=True, timeout=60)
    table = json.loads(listed.stdout)["partitiontable"]
    bios, efi, root = ((each["start"] * boot_disk.SECTOR, each["type"][:8]) for each in table["partitions"])
    assert (bios, efi, root) == (
        (boot_disk.BIOS_AT, "21686148"),
        (boot_disk.EFI_AT, "C12A7328"),
        (boot_disk.ROOT_AT, "0FC63DAF"),
    )
    with disk.open("rb") as made:
        first = made.read(boot_disk.SECTOR)
        made.seek(boot_disk.BIOS_AT)
        core = made.read(boot_disk.SECTOR)
        made.seek(boot_disk.EFI_AT)
        assert made.read(4096) == b"E" * 4096
    assert int.from_bytes(first[0x5C:0x64], "little") * boot_disk.SECTOR == boot_disk.BIOS_AT
    assert int.from_bytes(core[0x1F4:0x1FC], "little") * boot_disk.SECTOR == boot_disk.BIOS_AT + boot_disk.SECTOR
    assert first[510:] == b"\x55\xaa", "the partition table's part of the sector is kept"
    assert disk.stat().st_blocks * 512 < 16 << 20, "holes are kept"


def test_virtualbox_imports_a_disk_of_the_same_size(box: Box, owner: Identity, parts: Parts, tmp_path: Path) -> None:
    files = vagrant_box.written("hub", owner, inventory.variables())
    out = unpacked(vagrant_box.pack("hub", box, files, parts, vagrant_box.VIRTUALBOX), tmp_path / "out")
    assert json.loads((out / "metadata.json").read_text()) == {"provider": "virtualbox"}
    ovf = "{http://schemas.dmtf.org/ovf/envelope/1}"
    told = ElementTree.parse(out / "box.ovf").find(f"{ovf}DiskSection/{ovf}Disk")  # noqa: S314 - our own
    assert told is not None
    assert int(told.attrib[f"{ovf}capacity"]) == 1 << 30
    about = subprocess.run(
        ["qemu-img", "info", "--output=json", out / "box.vmdk"], capture_output=True, check=True, timeout=60
    )
    assert json.loads(about.stdout)["virtual-size"] == 1 << 30


@pytest.mark.usefixtures("packed")
def test_the_box_has_another_name_when_anything_in_it_changes(box: Box, owner: Identity) -> None:
    told = vagrant_box.build(box, owner) / vagrant_box.SETTINGS
    mail = vagrant_box.box_file("mail", vagrant_box.LIBVIRT)
    first, made = json.loads(told.read_text()), mail.read_text()
    vagrant_box.build(box, owner)
    assert mail.read_text() == made, "packed again without need"
    owner.ssh_key.with_suffix(".pub").write_text("ssh-ed25519 BBBB another\n")
    vagrant_box.build(box, owner)
    assert json.loads(told.read_text())["name"] != first["name"]
    assert mail.read_text() != made


@pytest.mark.usefixtures("packed")
def test_a_box_for_another_provider_leaves_the_first(box: Box, owner: Identity) -> None:
    vagrant_box.build(box, owner)
    vagrant_box.build(box, owner, vagrant_box.VIRTUALBOX)
    assert {path.name for path in vagrant_box.home().glob("*.box")} == {
        f"{node}-{provider}.box" for node in NODES for provider in vagrant_box.FORMS
    }


def test_vagrant_is_given_no_secret(box: Box, owner: Identity) -> None:
    assert "private" not in vagrant_box.settings(box, owner)
