"""What makes a lab: the interface that QEMU implements here, and other ways of making VMs elsewhere."""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from lab.agent import Completed

if TYPE_CHECKING:
    from lab.accelerator import Accelerator
    from lab.box import Box
    from lab.identity import Identity
    from lab.layers import Layer
    from lab.stages import Stage

QEMU, VAGRANT = NAMES = ("qemu", "vagrant")


class Provider(Protocol):
    """Two VMs that are started, stopped, stored and put back as one."""

    name: str

    @property
    def box(self) -> "Box":
        """What the VMs boot."""

    @property
    def accelerator(self) -> "Accelerator":
        """How the VMs run."""

    @property
    def identity(self) -> str:
        """What a stored state depends on besides its content."""

    def find(self, key: str) -> "Layer | None":
        """The layer of this key, if it is complete."""

    def start(self, layer: "Layer | None") -> None:
        """Start both VMs side by side from a layer, or from the bare box, to be provisioned; ready when both answer."""

    def hold(self, layer: "Layer") -> None:
        """Start both VMs from a layer, to which `restore` returns; ready when both answer."""

    def set_up(self, identity: "Identity", values: Mapping[str, str]) -> None:
        """Make the bare lab of two VMs that were started from the box.

        `identity` is the lab's keys, `values` its inventory.
        """

    def release_memory(self) -> None:
        """Let both guests give memory back in which they only keep files, so that their stored state is small."""

    def keep(self, stage: "Stage", parent: "Layer | None", seconds: float) -> "Layer":
        """Store memory and disks of both VMs, of one moment, as a stage's layer; both run on from there.

        `parent` is the layer below it, None for the box itself; `seconds` is how long the stage took.
        """

    def prune(self, keep: Collection[str]) -> int:
        """Remove layers that are of use to this lab alone, except those of these keys. Returns how many."""

    def stop(self) -> None:
        """End both VMs and leave no process; nothing happens if none runs."""

    def destroy(self) -> None:
        """Stop both VMs and remove everything of them, except layers that other labs can use."""

    def running(self) -> bool:
        """Whether both VMs run."""

    def restore(self) -> None:
        """Put both VMs back to the layer that is held; ready when a command runs in both."""

    def answers(self, node: str) -> bool:
        """Whether a command can be run on the node now."""

    def run(self, node: str, argv: Sequence[str], stdin: bytes = b"", timeout: float = 60.0) -> Completed:
        """Run a command as root, out of band."""

    def power_cycle(self, node: str) -> None:
        """Cut the power of a VM and give it back; nothing in the guest is asked."""

    def endpoints(self) -> Mapping[str, int]:
        """Ports on 127.0.0.1 by name: "hub" and the relays "vpn", "public", "fresh"."""

    def serial_log(self, node: str) -> Path:
        """What the node wrote on its console since it was started."""

    def resident_mib(self, node: str) -> float:
        """Memory of the host that the VM holds, in MiB; 0 if it does not run."""
