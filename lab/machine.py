"""The QEMU command line of one VM."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from lab.accelerator import Accelerator
from lab.box import Box

MEMORY_MIB = {"mail": 3072, "hub": 768}
PROCESSORS = {"mail": 2, "hub": 1}
SEGMENT_MAC = {"mail": "52:54:00:00:00:25", "hub": "52:54:00:00:00:01"}
RUNNER_MAC = "52:54:00:00:00:02"
# Name of an endpoint -> port on the hub's side of the runner's NIC (recipe/hub: lab-relay@*.socket).
HUB_PORTS = {"hub": 22, "vpn": 2201, "public": 2202, "fresh": 2203}
KERNEL = "root=/dev/vda rw console=ttyS0 net.ifnames=0 mitigations=off init_on_alloc=0 quiet"


DISK = "disk"  # name of the disk, for the monitor
# New: the VM boots. Shared: a stored state, and what the guest writes is in the file. Private: a stored state, and
# what the guest writes is in this process's memory only, so the file stays as it is.
Memory = Literal["new", "shared", "private"]


@dataclass(frozen=True)
class Files:
    """Paths that one VM uses."""

    disk: Path
    memory: Path
    serial: Path
    sockets: Path
    node: str

    @property
    def monitor(self) -> Path:
        """Socket of the monitor."""
        return self.sockets / f"{self.node}.qmp"

    @property
    def agent(self) -> Path:
        """Socket of the guest agent's port."""
        return self.sockets / f"{self.node}.agent"

    @property
    def state(self) -> Path:
        """All of the VM's state but memory and disk, while it is stored or restored."""
        return self.memory.with_suffix(".state")

    @property
    def pid(self) -> Path:
        """File with the number of the process."""
        return self.sockets / f"{self.node}.pid"

    @property
    def segment(self) -> Path:
        """Socket that joins both VMs; the hub listens on it."""
        return self.sockets / "segment"


def value(path: Path) -> str:
    """A path as a value in QEMU's options: a comma ends a value, so each one is doubled."""
    return str(path).replace(",", ",,")


def drive(files: Files) -> str:
    """Start of the disk's option. It identifies the VM's process among all of the machine."""
    return f"if=none,id={DISK},file={value(files.disk)},"


def _memory(files: Files, memory: Memory) -> list[str]:
    size = f"id=pc.ram,size={MEMORY_MIB[files.node]}M,mem-path={value(files.memory)}"
    shared = "share=off,readonly=on,rom=off" if memory == "private" else "share=on"
    return ["-machine", "memory-backend=pc.ram", "-object", f"memory-backend-file,{size},{shared}"]


def identity(accelerator: Accelerator) -> str:
    """Everything that a stored memory depends on, as text: this file, and how the VM runs."""
    return repr((hashlib.sha256(Path(__file__).read_bytes()).hexdigest(), accelerator.arguments, accelerator.processor))


def _devices() -> list[str]:
    return [
        *("-machine", "q35", "-nodefaults", "-no-user-config", "-display", "none"),
        # The clock stands still with the VM, so that one that reboots has the time of the other.
        *("-rtc", "base=utc,clock=vm"),
        *("-device", "virtio-rng-pci", "-device", "virtio-balloon-pci,free-page-reporting=on"),
        *(
            "-device",
            "virtio-serial-pci",
            "-device",
            "virtserialport,chardev=agent,name=org.qemu.guest_agent.0",
        ),
    ]


def command(
    files: Files, box: Box, accelerator: Accelerator, ports: Mapping[str, int], reconnect: str, memory: Memory
) -> list[str]:
    """Arguments for QEMU.

    Args:
        files: what the VM opens.
        box: kernel and initrd.
        accelerator: KVM or TCG.
        ports: endpoint -> port on 127.0.0.1; used for the hub.
        reconnect: the option that makes the segment's client reconnect, as this QEMU spells it.
        memory: if it is a stored one, the VM waits, stopped, for the state that belongs to it.
    """
    node = files.node
    join = "server=on" if node == "hub" else f"server=off,{reconnect}"
    arguments = [
        *("-name", f"mail-lab-{node}", *accelerator.arguments, *_devices()),
        *("-m", str(MEMORY_MIB[node]), "-smp", str(PROCESSORS[node])),
        *_memory(files, memory),
        *("-kernel", str(box.kernel), "-initrd", str(box.initrd), "-append", KERNEL),
        # The disk need not survive a crash of this machine, so a flush in the guest need not reach the machine's disk.
        *("-drive", f"{drive(files)}format=qcow2,discard=unmap,cache=unsafe"),
        *("-device", f"virtio-blk-pci,drive={DISK}"),
        *("-netdev", f"stream,id=segment,{join},addr.type=unix,addr.path={value(files.segment)}"),
        *("-device", f"virtio-net-pci,netdev=segment,mac={SEGMENT_MAC[node]},romfile="),
        *("-chardev", f"socket,id=agent,path={value(files.agent)},server=on,wait=off"),
        *("-chardev", f"file,id=serial,path={value(files.serial)},append=on", "-serial", "chardev:serial"),
        *("-qmp", f"unix:{value(files.monitor)},server=on,wait=off"),
        *("-pidfile", str(files.pid), "-daemonize"),
    ]
    if node == "hub":
        forwards = ",".join(f"hostfwd=tcp:127.0.0.1:{ports[name]}-:{port}" for name, port in HUB_PORTS.items())
        arguments += [
            *("-netdev", f"user,id=runner,restrict=on,ipv6=off,{forwards}"),
            *("-device", f"virtio-net-pci,netdev=runner,mac={RUNNER_MAC},romfile="),
        ]
    if memory != "new":
        arguments += ["-S", "-incoming", "defer"]
    return arguments
