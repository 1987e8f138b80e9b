"""What makes a lab: the interface that QEMU implements here, and other ways of making VMs elsewhere."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

from lab.agent import Completed

NODES = ("mail", "hub")


class Provider(Protocol):
    """Two VMs that are started, stopped, stored and put back as one."""

    name: str

    def start(self, layer: Path | None) -> None:
        """Start both VMs side by side from a stored layer, or from the bare box; ready when both answer."""

    def stop(self) -> None:
        """End both VMs and leave no process; nothing happens where none runs."""

    def running(self) -> bool:
        """Whether both VMs run."""

    def store(self, folder: Path) -> None:
        """Write memory and disks of both VMs, of one moment, into an existing folder. The VMs are ended."""

    def snapshot(self) -> None:
        """Remember memory and disks of both VMs as the point that `restore` returns to."""

    def restore(self) -> None:
        """Put both VMs back to the snapshot; ready when a command runs in both."""

    def run(self, node: str, argv: Sequence[str], stdin: bytes = b"", timeout: float = 60.0) -> Completed:
        """Run a command as root, out of band."""

    def power_cycle(self, node: str) -> None:
        """Cut the power of a VM and give it back; nothing in the guest is asked."""

    def endpoints(self) -> Mapping[str, int]:
        """Ports on 127.0.0.1 by name: "hub" and the relays "vpn", "public", "fresh"."""

    def serial_log(self, node: str) -> Path:
        """What the node wrote on its console since it was started."""

    def resident_mib(self, node: str) -> float:
        """Memory of the host that the VM holds, in MiB; 0 where it does not run."""
