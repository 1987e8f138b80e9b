"""The box as Vagrant takes it: the same images, each in a .box as a disk that starts by itself.

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

from lab import atomic, bare, boot_disk, inventory, machine, scratch, tools
from lab.agent import Completed
from lab.box import DISK_GIB, Box
from lab.errors import LabError
from lab.identity import Identity
from lab.nodes import NODES
from lab.paths import cache
from lab.progress import step

SETTINGS = "lab.json"  # what the Vagrantfile reads
LIBVIRT, VIRTUALBOX = "libvirt", "virtualbox"
STATUS = PurePosixPath("/var/lib/dpkg/status")
FSTAB = PurePosixPath("/etc/fstab")
HUB_TUNNEL = (
    PurePosixPath("/etc/systemd/system/multi-user.target.wants/wg-quick@wg0.service"),
    "/usr/lib/systemd/system/wg-quick@.service",
)
# vagrant-libvirt asks the guest for the IPv4 address of the first card; the hub's is on the bridge that the card is in.
BRIDGE_LINK = PurePosixPath("/etc/systemd/network/10-br0.link")
RUNNER_ADDRESS = "10.0.2.15"  # of the hub's own card (recipe/hub: 10-runner.network); QEMU's and VirtualBox's default
# A provider's own network card for the runner may lead further than QEMU's: nothing begins there, nothing passes it.
RUNNER_RULES = PurePosixPath("/etc/nftables.conf")
_PORTS = ", ".join(map(str, machine.HUB_PORTS.values()))
RULES = f"""\
table inet runner {{
    chain from_hub {{
        type filter hook output priority filter
        oifname "runner" tcp sport {{ {_PORTS} }} tcp flags & (syn | ack) != syn accept
        oifname "runner" drop
    }}
    chain through_hub {{
        type filter hook forward priority filter
        oifname "runner" drop
        iifname "runner" drop
    }}
}}
"""
RULES_LOADED = (
    PurePosixPath("/etc/systemd/system/sysinit.target.wants/nftables.service"),
    "/usr/lib/systemd/system/nftables.service",
)
# Here the places are built at boot, when a busy machine may not have found its card yet.
CARD = PurePosixPath("/etc/systemd/system/lab-places.service.d/card.conf")
CARD_FIRST = """\
[Unit]
Requires=sys-subsystem-net-devices-segment.device
After=sys-subsystem-net-devices-segment.device
"""
# A public box asks for its address. networkd may take the bridge over only once its addresses are there.
LEASES = PurePosixPath("/etc/lab-leases.network")
LEASES_NETWORK = """\
[Match]
Name=br0

[Network]
Address={hub_address}/{lab_internet_prefix}
KeepConfiguration=yes
LinkLocalAddressing=no
IPv6AcceptRA=no
DHCPServer=yes

[DHCPServer]
DNS={internet_probe}

[DHCPServerStaticLease]
MACAddress={mac}
Address={public_address}
"""
LEASES_UNIT = PurePosixPath("/etc/systemd/system/lab-leases.service")
LEASES_SERVICE = f"""\
[Unit]
Description=Addresses for a machine that asks for its own
Requires=lab-places.service
After=lab-places.service

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=install -D --mode=0644 {LEASES} /run/systemd/network/20-br0.network
ExecStart=networkctl reload
"""
LEASES_STARTED = (PurePosixPath("/etc/systemd/system/multi-user.target.wants/lab-leases.service"), str(LEASES_UNIT))
# Read by Vagrant wherever the box is used.
VAGRANTFILE = """\
Vagrant.configure("2") do |config|
  config.ssh.username = "root"
  config.ssh.sudo_command = "%c"
end
"""
# What VirtualBox imports: {node}, {bytes}; the Vagrantfile says the rest.
OVF = """\
<?xml version="1.0"?>
<Envelope ovf:version="1.0" xmlns="http://schemas.dmtf.org/ovf/envelope/1"
 xmlns:ovf="http://schemas.dmtf.org/ovf/envelope/1"
 xmlns:rasd="http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_ResourceAllocationSettingData"
 xmlns:vssd="http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_VirtualSystemSettingData">
  <References>
    <File ovf:id="file1" ovf:href="box.vmdk"/>
  </References>
  <DiskSection>
    <Info>Disks</Info>
    <Disk ovf:diskId="disk1" ovf:fileRef="file1" ovf:capacity="{bytes}"
     ovf:format="http://www.vmware.com/interfaces/specifications/vmdk.html#streamOptimized"/>
  </DiskSection>
  <VirtualSystem ovf:id="mail-lab-{node}">
    <Info>A machine of mail-lab</Info>
    <OperatingSystemSection ovf:id="96">
      <Info>Debian, 64 bits</Info>
    </OperatingSystemSection>
    <VirtualHardwareSection>
      <Info>Hardware</Info>
      <System>
        <vssd:ElementName>Virtual Hardware Family</vssd:ElementName>
        <vssd:InstanceID>0</vssd:InstanceID>
        <vssd:VirtualSystemType>virtualbox-2.2</vssd:VirtualSystemType>
      </System>
      <Item>
        <rasd:ElementName>Processors</rasd:ElementName>
        <rasd:InstanceID>1</rasd:InstanceID>
        <rasd:ResourceType>3</rasd:ResourceType>
        <rasd:VirtualQuantity>{processors}</rasd:VirtualQuantity>
      </Item>
      <Item>
        <rasd:AllocationUnits>MegaBytes</rasd:AllocationUnits>
        <rasd:ElementName>Memory</rasd:ElementName>
        <rasd:InstanceID>2</rasd:InstanceID>
        <rasd:ResourceType>4</rasd:ResourceType>
        <rasd:VirtualQuantity>{memory}</rasd:VirtualQuantity>
      </Item>
      <Item>
        <rasd:Address>0</rasd:Address>
        <rasd:ElementName>SATA</rasd:ElementName>
        <rasd:InstanceID>3</rasd:InstanceID>
        <rasd:ResourceSubType>AHCI</rasd:ResourceSubType>
        <rasd:ResourceType>20</rasd:ResourceType>
      </Item>
      <Item>
        <rasd:AddressOnParent>0</rasd:AddressOnParent>
        <rasd:ElementName>Disk</rasd:ElementName>
        <rasd:HostResource>/disk/disk1</rasd:HostResource>
        <rasd:InstanceID>4</rasd:InstanceID>
        <rasd:Parent>3</rasd:Parent>
        <rasd:ResourceType>17</rasd:ResourceType>
      </Item>
    </VirtualHardwareSection>
  </VirtualSystem>
</Envelope>
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
        found[node][RUNNER_RULES] = (RULES.encode(), 0o644)
        found[node][CARD] = (CARD_FIRST.encode(), 0o644)
        leases = LEASES_NETWORK.format(mac=machine.SEGMENT_MAC["mail"], **values)
        found[node][LEASES] = (leases.encode(), 0o644)
        found[node][LEASES_UNIT] = (LEASES_SERVICE.encode(), 0o644)
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


def put(image: Path | str, files: Written, links: Mapping[PurePosixPath, str], work: Path) -> None:
    """Write files, owned by root, and symbolic links into an ext4 image.

    Args:
        image: the file system, as debugfs names it.
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


def fill(node: str, disk: Path, files: Written, parts: boot_disk.Parts, work: Path) -> None:
    """Give the root file system of a node's disk its kernel, and what sets the node up.

    Args:
        node: mail or hub.
        disk: made by `boot_disk.make`.
        files: those of `written`.
        parts: the kernel.
        work: an empty folder.

    Raises:
        LabError: the disk is full.
    """
    root = boot_disk.root(disk)
    status = work / "status"
    tools.run(["debugfs", "-R", f'dump {STATUS} "{status}"', root], "Reading from an image")
    own, links = parts.files()
    own[STATUS] = (parts.known(status.read_bytes()), 0o644)
    own[FSTAB] = (boot_disk.FSTAB.format(label=node).encode(), 0o644)
    if node == "hub":
        links.update([HUB_TUNNEL, RULES_LOADED, LEASES_STARTED])
    put(root, {**own, **files, **_host_keys(work / "keys")}, links, work)


def _for_libvirt(node: str, disk: Path, work: Path) -> list[str]:
    """Write a box for libvirt into a folder. Returns the names of its files."""
    tools.run(["qemu-img", "convert", "-q", "-f", "raw", "-O", "qcow2", disk, work / "box.img"], "Converting a disk")
    about = {"provider": LIBVIRT, "format": "qcow2", "virtual_size": _gib(node)}
    (work / "metadata.json").write_text(json.dumps(about))
    return ["metadata.json", "box.img"]


def _for_virtualbox(node: str, disk: Path, work: Path) -> list[str]:
    """Write a box for VirtualBox into a folder. Returns the names of its files."""
    convert = ("qemu-img", "convert", "-q", "-f", "raw", "-O", "vmdk", "-o", "subformat=streamOptimized")
    tools.run([*convert, disk, work / "box.vmdk"], "Converting a disk")
    machine_of = {"memory": machine.MEMORY_MIB[node], "processors": machine.PROCESSORS[node]}
    (work / "box.ovf").write_text(OVF.format(node=node, bytes=disk.stat().st_size, **machine_of))
    (work / "metadata.json").write_text(json.dumps({"provider": VIRTUALBOX}))
    return ["metadata.json", "box.ovf", "box.vmdk"]


FORMS = {LIBVIRT: _for_libvirt, VIRTUALBOX: _for_virtualbox}


def _gib(node: str) -> int:
    """Size of a disk that holds the image and what starts it."""
    return DISK_GIB[node] + 1


def pack(node: str, box: Box, files: Written, parts: boot_disk.Parts, provider: str) -> Path:
    """Make the .box of a node; it appears whole or not at all, for this user alone. Returns its path."""
    home().mkdir(mode=0o700, parents=True, exist_ok=True)
    with scratch.folder(home(), f".packing-{node}-") as work:
        disk, notes = work / "disk", work / "notes"
        boot_disk.make(box.image(node), _gib(node), parts, disk)
        notes.mkdir()
        fill(node, disk, files, parts, notes)
        (work / "Vagrantfile").write_text(VAGRANTFILE)
        packed = work / "packed.box"
        packed.touch(mode=0o600)
        names = FORMS[provider](node, disk, work)
        with tarfile.open(packed, "w") as archive:
            for name in (*names, "Vagrantfile"):
                archive.add(work / name, name)
        return packed.replace(box_file(node, provider))


def box_file(node: str, provider: str) -> Path:
    """The .box of a node for a provider of Vagrant's."""
    return home() / f"{node}-{provider}.box"


def home() -> Path:
    """Its folder: not in the checkout's lab, because `vagrant destroy` must work after the lab is gone."""
    return cache() / "vagrant"


def build(box: Box, identity: Identity, provider: str = LIBVIRT) -> Path:
    """Make the .box files for a provider if they are missing, and the settings of the Vagrantfile.

    Args:
        box: what they are made from.
        identity: the lab's keys.
        provider: one of FORMS.

    Returns:
        Their folder.

    Raises:
        LabError: a tool is missing, packages cannot be downloaded, or the disk is full.
    """
    files = _files(identity)
    wanted = settings(box, identity)
    told = home() / SETTINGS
    if not told.exists() or told.read_text() != wanted:
        told.unlink(missing_ok=True)
        for old in home().glob("*.box"):
            old.unlink()
    if not all(box_file(node, provider).exists() for node in NODES):
        home().mkdir(mode=0o700, parents=True, exist_ok=True)
        with step(f"Pack the box for Vagrant with {provider}", expected=240), scratch.folder(home(), ".parts-") as work:
            parts = boot_disk.parts(work)
            for node in NODES:
                pack(node, box, files[node], parts, provider)
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
    recipe = (VAGRANTFILE, OVF, boot_disk.PACKAGES, boot_disk.COLLECT, boot_disk.GRUB, boot_disk.PARTITION)
    made_from = hashlib.sha256(repr((box.identity, recipe, _files(identity))).encode())
    machines = {
        node: {
            "boxes": {provider: str(box_file(node, provider)) for provider in FORMS},
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
        "runner_address": RUNNER_ADDRESS,
        "machines": machines,
    }
    return json.dumps(about, indent=1)
