"""Vagrant as provider: both machines by the project's Vagrantfile, kept apart from those of a plain `vagrant up`.

Vagrant makes them, removes them, and keeps and restores their states as its snapshots, memory included. Both are paused
in the meantime, so that both halves of a state are of one moment. libvirt does what Vagrant has no command for:
commands out of band, pause and reset button.
"""

import json
import os
import subprocess
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path

import vagrant

from lab import accelerator, bare, free_ports, identity, machine, processes, tools, vagrant_box
from lab.accelerator import Accelerator
from lab.agent import Agent, Completed
from lab.box import Box
from lab.errors import LabError
from lab.identity import Identity
from lab.layers import Layer
from lab.libvirt import DomainAgent, LibvirtSession
from lab.nodes import NODES
from lab.parallel import on_both
from lab.paths import ROOT, STATE
from lab.provider import VAGRANT
from lab.stages import Stage

HOME = STATE / VAGRANT  # Vagrant's own notes of these machines, and ours
SETTINGS = HOME / "lab.json"
LOG = STATE / "logs" / "vagrant.log"
BOOT_SECONDS = 300.0
CURE = "lab destroy, then lab up --provider=vagrant"
PORTS = 6  # what the Vagrantfile takes, from the first on


class Vagrant:
    """Two machines of Vagrant's, by libvirt."""

    name = VAGRANT

    def __init__(self, built: Callable[[], Box]) -> None:
        """Args: built: returns what the VMs boot; called only if something is started."""
        self._built = built
        self._sessions = {node: LibvirtSession() for node in NODES}
        self._kept: Layer | None = None

    @cached_property
    def box(self) -> Box:
        """What the VMs boot."""
        return self._built()

    @cached_property
    def accelerator(self) -> Accelerator:
        """How the VMs run."""
        return accelerator.choose(self.box)

    @property
    def identity(self) -> str:
        """What a stored state depends on besides its content: versions, and the shape of the machines."""
        packed = vagrant_box.settings(self.box, identity.ensure())
        return f"{self._version} {self.accelerator.name} {packed} {(ROOT / 'Vagrantfile').read_text()}"

    @cached_property
    def _version(self) -> str:
        tools.find(VAGRANT)
        version: str = vagrant.Vagrant(root=ROOT).version()
        return version

    def _told(self) -> dict[str, object]:
        try:
            told: dict[str, object] = json.loads(SETTINGS.read_text())
        except (OSError, ValueError):
            return {}
        return told

    def _tell(self, **more: object) -> None:
        HOME.mkdir(parents=True, exist_ok=True)
        SETTINGS.write_text(json.dumps({**self._told(), **more}))

    def _first_port(self) -> int:
        known = self._told().get("port")
        if isinstance(known, int):
            return known
        chosen = free_ports.find_range(PORTS)
        self._tell(port=chosen)
        return chosen

    def _driver(self) -> str:
        """That of the machines that are there, else the one that this machine can have."""
        known = self._told().get("driver")
        if isinstance(known, str) and any(map(self._domain, NODES)):
            return known
        chosen = "kvm" if self.accelerator.name == "kvm" else "qemu"
        self._tell(driver=chosen)
        return chosen

    @contextmanager
    def _vagrant(self, what: str) -> Iterator[vagrant.Vagrant]:
        """Vagrant's commands for these machines. Raises LabError with its last output."""
        tools.find(VAGRANT)
        LOG.parent.mkdir(parents=True, exist_ok=True)
        HOME.mkdir(parents=True, exist_ok=True)
        LOG.write_text("")
        log = vagrant.make_file_cm(LOG)
        environment = {
            **os.environ,
            "VAGRANT_DOTFILE_PATH": str(HOME),
            "VAGRANT_CHECKPOINT_DISABLE": "1",
            "VAGRANT_NO_COLOR": "1",
            "MAIL_LAB_VAGRANT_PORT": str(self._first_port()),
            "MAIL_LAB_VAGRANT_DRIVER": self._driver(),
            "MAIL_LAB_VAGRANT_BOX": "",  # the packages that provisioning installs are in our box alone
        }
        try:
            yield vagrant.Vagrant(root=ROOT, env=environment, out_cm=log, err_cm=log)
        except subprocess.CalledProcessError as error:
            last = "\n".join(f"  | {line}" for line in LOG.read_text(errors="replace").strip().splitlines()[-12:])
            raise LabError(f"{what} by Vagrant failed.\n{last}", CURE) from error

    def _domain(self, node: str) -> str | None:
        """The machine's UUID, if Vagrant has made it."""
        try:
            return (HOME / "machines" / node / "libvirt" / "id").read_text().strip() or None
        except OSError:
            return None

    def _ask(self, node: str, do: str) -> object:
        domain = self._domain(node)
        if domain is None:
            raise LabError(f"Vagrant has no machine {node}.", "lab up --provider=vagrant")
        return self._sessions[node].ask(domain, do)

    def _state(self, node: str) -> str:
        if self._domain(node) is None:
            return "off"
        try:
            return str(self._ask(node, "state"))
        except LabError:  # Vagrant's note of it is older than libvirt's
            return "off"

    def _agent(self, node: str) -> Agent:
        domain = self._domain(node)
        if domain is None:
            raise LabError(f"Vagrant has no machine {node}.", "lab up --provider=vagrant")
        return Agent(DomainAgent(self._sessions[node], domain), node, lambda: self._state(node) != "off")

    def running(self) -> bool:
        """Whether both run."""
        return all(self._state(node) == "running" for node in NODES)

    def answers(self, node: str) -> bool:
        """Whether the node's agent answers now."""
        return self._state(node) == "running" and self._agent(node).answers()

    def _name(self, key: str) -> str | None:
        """The snapshot of a layer, if both machines have it."""
        if not all(self._domain(node) for node in NODES):
            return None
        both_have = set.intersection(*(set(map(str, self._snapshots(node))) for node in NODES))
        return next((name for name in both_have if name.endswith(f"-{key}")), None)

    def _snapshots(self, node: str) -> Sequence[object]:
        found = self._ask(node, "snapshots")
        return found if isinstance(found, list) else []

    def find(self, key: str) -> Layer | None:
        """A snapshot that both machines have."""
        try:
            name = self._name(key)
        except LabError:
            return None
        return self._layer(name.removesuffix(f"-{key}"), key, None, 0.0) if name else None

    def _layer(self, task: str, key: str, parent: Layer | None, seconds: float) -> Layer:
        return Layer(task, key, parent.key if parent else None, self.box.key, seconds, HOME, key)

    def start(self, layer: Layer | None) -> None:
        """Start both from a layer's snapshots, or make them from the box. Raises LabError."""
        if layer is None:
            self._make()
        else:
            self._return_to(f"{layer.task}-{layer.key}")
        on_both(lambda node: self._agent(node).wait(BOOT_SECONDS))

    def _make(self) -> None:
        self.destroy()
        vagrant_box.build(self.box, identity.ensure())
        with self._vagrant("Making the machines") as command:
            command.up(provider="libvirt")

    def set_up(self, identity: Identity, values: Mapping[str, str]) -> None:  # noqa: ARG002
        """The box brings all of it, or Vagrant could not have logged in: only wait until everything is started."""
        on_both(lambda node: bare.settle(self.run, node))

    def _return_to(self, name: str) -> None:
        if not any(self._state(node) != "off" for node in NODES):
            self._end_orphans()
        self._pause()
        with self._vagrant("Restoring a snapshot") as command:
            command.snapshot_restore(name)
        self._resume()
        self._tell(snapshot=name)

    def _pause(self) -> None:
        for node in NODES:
            if self._state(node) == "running":
                self._ask(node, "suspend")

    def _resume(self) -> None:
        for node in NODES:
            self._ask(node, "resume")

    def release_memory(self) -> None:
        """Its snapshots are of this lab alone, and as large as they are."""

    def keep(self, stage: Stage, parent: Layer | None, seconds: float) -> Layer:
        """Keep both as snapshots of one name."""
        name = f"{stage.task}-{stage.key}"
        self._pause()
        try:
            with self._vagrant("Saving a snapshot") as command:
                command.snapshot_save(name)
        finally:
            self._resume()
        self._tell(snapshot=name)
        self._kept = self._layer(stage.task, stage.key, parent, seconds)
        return self._kept

    def prune(self, keep: Collection[str]) -> int:
        """Delete the snapshots of other keys: they are in the disks of these machines only."""
        gone = 0
        for name in map(str, self._snapshots(NODES[0])) if self._domain(NODES[0]) else ():
            if name.rpartition("-")[2] not in keep:
                with self._vagrant("Deleting a snapshot") as command:
                    command.snapshot_delete(name)
                gone += 1
        return gone

    def hold(self, layer: Layer) -> None:
        """Start both from a layer's snapshots, unless they were kept as these just now."""
        if layer is not self._kept:
            self.start(layer)

    def restore(self) -> None:
        """Return to the layer that is held, both together."""
        name = self._told().get("snapshot")
        if not isinstance(name, str):
            raise LabError("It is not known which snapshot a reset returns to.", "lab up --provider=vagrant")
        self._return_to(name)
        on_both(lambda node: self._agent(node).wait(BOOT_SECONDS))

    def stop(self) -> None:
        """Turn both off; their snapshots stay."""
        for node in NODES:
            if self._state(node) != "off":
                self._ask(node, "end")
        self._end_orphans()

    def _end_orphans(self) -> None:
        """End machines that libvirt knows nothing of any more: its session ended before them."""
        for domain in filter(None, map(self._domain, NODES)):
            for pid in processes.vms(domain):
                processes.end(pid, domain)

    def destroy(self) -> None:
        """Let Vagrant remove both, with their disks and snapshots."""
        if any(map(self._domain, NODES)):
            with self._vagrant("Removing the machines") as command:
                command.destroy()

    def run(self, node: str, argv: Sequence[str], stdin: bytes = b"", timeout: float = 60.0) -> Completed:
        """Run a command as root through the guest agent."""
        return self._agent(node).run(argv, stdin, timeout)

    def power_cycle(self, node: str) -> None:
        """Press the machine's reset button."""
        self._ask(node, "reset")

    def endpoints(self) -> Mapping[str, int]:
        """Ports on 127.0.0.1 by name, as the Vagrantfile gives them."""
        return {name: self._first_port() + place for place, name in enumerate(machine.HUB_PORTS)}

    def serial_log(self, node: str) -> Path:
        """The console's file."""
        return HOME / f"{node}.serial.log"

    def resident_mib(self, node: str) -> float:
        """What the machine's process holds."""
        return sum(map(processes.own_mib, processes.vms(self._domain(node) or "no machine")))
