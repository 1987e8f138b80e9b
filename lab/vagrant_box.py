"""The box as Vagrant takes it: the same images, each in a .box with its kernel, for the provider libvirt.

What `lab.bare` gives a VM of the lab out of band, a VM of Vagrant brings with it, or Vagrant could never log in. What
that is, is asked of `lab.bare` itself: its commands are noted, not run, and the files that they write go into a copy
of the file system by debugfs, which needs neither root nor a loop device. Such a box holds keys of this user's lab.
"""

import hashlib
import json
import os
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath

from lab import atomic, bare, inventory, machine, scratch, tools
from lab.agent import Completed
from lab.box import DISK_GIB, Box
from lab.errors import LabError
from lab.identity import Identity
from lab.nodes import NODES
from lab.paths import cache
from lab.progress import step

SETTINGS = "lab.json"  # what the Vagrantfile reads
HUB_TUNNEL = (
    PurePosixPath("/etc/systemd/system/multi-user.target.wants/wg-quick@wg0.service"),
    "/usr/lib/systemd/system/wg-quick@.service",
)
# vagrant-libvirt asks the guest for the IPv4 address of the first card; the hub's is on the bridge that the card is in.
BRIDGE_LINK = PurePosixPath("/etc/systemd/network/10-br0.link")
# Read by Vagrant wherever the box is used; a disk without a boot loader starts by its kernel.
VAGRANTFILE = """\
Vagrant.configure("2") do |config|
  config.ssh.username = "root"
  config.ssh.sudo_command = "%c"
  config.vm.provider :libvirt do |libvirt|
    libvirt.kernel = File.expand_path("vmlinuz", __dir__)
    libvirt.initrd = File.expand_path("initrd.img", __dir__)
    libvirt.cmd_line = "{kernel}"
  end
end
"""

# Path in the guest -> content and mode.
Written = Mapping[PurePosixPath, tuple[bytes, int]]


def written(node: str, identity: Identity, values: Mapping[str, str]) -> Written:
    """Files that set a node up as a fresh server; host keys are not among them."""
    found: dict[str, dict[PurePosixPath, tuple[bytes, int]]] = {each: {} for each in NODES}

    def note(node: str, argv: Sequence[str], stdin: bytes = b"", timeout: float = 60.0) -> Completed:  # noqa: ARG001
        if argv[0] == "install":
            found[node][PurePosixPath(argv[-1])] = (stdin, int(argv[argv.index("-m") + 1], 8))
        return Completed(0, b"", b"")

    bare.configure(note, identity, values, abandon=lambda: None)
    if node == "hub":
        card = machine.SEGMENT_MAC[node]
        found[node][BRIDGE_LINK] = (f"[Match]\nOriginalName=br0\n\n[Link]\nMACAddress={card}\n".encode(), 0o644)
    return found[node]


def _host_keys(work: Path) -> Written:
    """New host keys of every kind, as the guest's own ssh-keygen would make them."""
    made = work / "etc" / "ssh"
    made.mkdir(parents=True)
    tools.run(["ssh-keygen", "-q", "-A", "-f", work], "Making host keys")
    return {
        PurePosixPath("/etc/ssh") / key.name: (key.read_bytes(), 0o644 if key.suffix == ".pub" else 0o600)
        for key in made.iterdir()
    }


def put(image: Path, files: Written, links: Mapping[PurePosixPath, str], work: Path) -> None:
    """Write files, owned by root, and symbolic links into an ext4 image.

    Args:
        image: the file system.
        files: missing folders are made, and existing files are replaced.
        links: path in the guest -> what it leads to.
        work: an empty folder.

    Raises:
        LabError: what was written does not read back the same.
    """
    folders = {folder for path in (*files, *links) for folder in path.parents if folder != PurePosixPath("/")}
    prepare = [f'mkdir "{folder}"' for folder in sorted(folders)]  # debugfs continues if one exists already
    prepare += [f'rm "{path}"' for path in (*files, *links)]
    write, read = [], []
    for number, (path, (content, mode)) in enumerate(files.items()):
        source = work / f"{number}.new"
        source.write_bytes(content)
        write += [f'write "{source}" "{path}"', f'set_inode_field "{path}" mode 0{0o100000 | mode:o}']
        write += [f'set_inode_field "{path}" {owner} 0' for owner in ("uid", "gid")]
        read.append(f'dump "{path}" "{work / f"{number}.read"}"')
    write += [f'symlink "{path}" "{to}"' for path, to in links.items()]
    script = work / "commands"
    script.write_text("\n".join([*prepare, *write, *read]) + "\n")
    tools.run(["debugfs", "-w", "-f", script, image], "Writing into an image")
    for number, (path, (content, _)) in enumerate(files.items()):
        back = work / f"{number}.read"
        if not back.is_file() or back.read_bytes() != content:
            raise LabError(f"{path} could not be written into {image}.", "lab box --vagrant again; is the disk full?")


def pack(node: str, box: Box, files: Written, into: Path) -> Path:
    """Make the .box of a node; it appears whole or not at all, for this user alone. Returns its path."""
    into.mkdir(mode=0o700, parents=True, exist_ok=True)
    with scratch.folder(into, f".packing-{node}-") as work:
        root, disk, notes = work / "root.img", work / "box.img", work / "notes"
        tools.run(["cp", "--sparse=always", box.image(node), root], f"Copying the image of {node}")
        notes.mkdir()
        links = dict([HUB_TUNNEL]) if node == "hub" else {}
        put(root, {**files, **_host_keys(work / "keys")}, links, notes)
        tools.run(["qemu-img", "convert", "-q", "-O", "qcow2", root, disk], f"Converting the image of {node}")
        root.unlink()
        about = {"provider": "libvirt", "format": "qcow2", "virtual_size": DISK_GIB[node]}
        (work / "metadata.json").write_text(json.dumps(about))
        (work / "Vagrantfile").write_text(VAGRANTFILE.format(kernel=machine.KERNEL))
        made = work / f"{node}.box"
        made.touch(mode=0o600)
        with tarfile.open(made, "w") as archive:
            for name in ("metadata.json", "Vagrantfile", "box.img"):
                archive.add(work / name, name)
            archive.add(box.kernel, "vmlinuz")
            archive.add(box.initrd, "initrd.img")
        return made.replace(into / f"{node}.box")


def home() -> Path:
    """Its folder: not in the checkout's lab, because `vagrant destroy` must work after the lab is gone."""
    return cache() / "vagrant"


def build(box: Box, identity: Identity) -> Path:
    """Make both .box files if they are missing, and the settings of the Vagrantfile. Returns their folder.

    Raises:
        LabError: a tool is missing, or the disk is full.
    """
    files = _files(identity)
    wanted = settings(box, identity)
    told = home() / SETTINGS
    if told.exists() and told.read_text() == wanted and all((home() / f"{node}.box").exists() for node in NODES):
        return home()
    told.unlink(missing_ok=True)
    with step("Pack the box for Vagrant", expected=120):
        for node in NODES:
            pack(node, box, files[node], home())
    os.sync()
    atomic.write(told, wanted, mode=0o600)
    return home()


def _files(identity: Identity) -> Mapping[str, Written]:
    values = inventory.variables()
    return {node: written(node, identity, values) for node in NODES}


def settings(box: Box, identity: Identity) -> str:
    """Settings of the Vagrantfile as JSON, so that each is written once: the machines' shape, paths of boxes and key.

    The boxes' name changes with all that is in them: Vagrant keeps a box for ever under the name it got.
    """
    made_from = hashlib.sha256(repr((box.identity, VAGRANTFILE, machine.KERNEL, _files(identity))).encode())
    machines = {
        node: {
            "box": str(home() / f"{node}.box"),
            "memory": machine.MEMORY_MIB[node],
            "processors": machine.PROCESSORS[node],
            "mac": machine.SEGMENT_MAC[node],
        }
        for node in NODES
    }
    about = {
        "name": f"mail-lab-{made_from.hexdigest()[:16]}",
        "key": str(identity.ssh_key),
        "ports": machine.HUB_PORTS,
        "runner_mac": machine.RUNNER_MAC,
        "machines": machines,
    }
    return json.dumps(about, indent=1)
