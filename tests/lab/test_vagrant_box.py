import json
import subprocess
import tarfile
from pathlib import Path, PurePosixPath

import pytest

from lab import inventory, machine, vagrant_box
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
    for node in NODES:
        subprocess.run(
            ["/sbin/mke2fs", "-q", "-t", "ext4", "-d", tree, folder / f"{node}.img", "8M"], check=True, timeout=60
        )
    (folder / "vmlinuz").write_bytes(b"kernel")
    (folder / "initrd.img").write_bytes(b"initrd")
    return Box("key", folder)


def debugfs(image: Path, command: str) -> str:
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


@pytest.mark.parametrize("node", NODES)
def test_a_box_boots_by_its_own_kernel_and_is_read_by_its_owner_alone(
    node: str, box: Box, owner: Identity, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    made = vagrant_box.pack(node, box, vagrant_box.written(node, owner, inventory.variables()), home)
    assert made.stat().st_mode & 0o077 == 0
    with tarfile.open(made) as archive:
        archive.extractall(tmp_path / "out", filter="data")
    out = tmp_path / "out"
    assert json.loads((out / "metadata.json").read_text())["provider"] == "libvirt"
    assert machine.KERNEL in (out / "Vagrantfile").read_text()
    assert (out / "vmlinuz").read_bytes() == b"kernel"
    subprocess.run(["qemu-img", "convert", "-O", "raw", out / "box.img", out / "raw"], check=True, timeout=60)
    assert debugfs(out / "raw", "cat /etc/hostname") == f"{node}\n"
    assert "ssh_host_ed25519_key" in debugfs(out / "raw", "ls /etc/ssh")
    assert ("wg-quick@wg0" in debugfs(out / "raw", "ls /etc/systemd/system/multi-user.target.wants")) is (node == "hub")
    assert [path.name for path in home.iterdir()] == [f"{node}.box"]


def test_the_box_has_another_name_when_anything_in_it_changes(
    box: Box, owner: Identity, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAIL_LAB_CACHE", str(tmp_path / "cache"))
    told = vagrant_box.build(box, owner) / vagrant_box.SETTINGS
    first, made = json.loads(told.read_text()), (told.parent / "mail.box").stat().st_mtime_ns
    vagrant_box.build(box, owner)
    assert (told.parent / "mail.box").stat().st_mtime_ns == made, "packed again without need"
    owner.ssh_key.with_suffix(".pub").write_text("ssh-ed25519 BBBB another\n")
    vagrant_box.build(box, owner)
    assert json.loads(told.read_text())["name"] != first["name"]


def test_vagrant_is_given_no_secret(box: Box, owner: Identity) -> None:
    assert "private" not in vagrant_box.settings(box, owner)
