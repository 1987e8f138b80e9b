"""QEMU as the embedded provider: an ordinary user's processes, no daemon, no bridge."""

import json
import shutil
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import cached_property
from pathlib import Path

from lab import accelerator, bare, free_ports, guest_memory, layers, machine, paths, processes, stored_memory, tools
from lab.accelerator import Accelerator
from lab.agent import Agent, Completed, Socket
from lab.box import Box
from lab.errors import LabError
from lab.identity import Identity
from lab.json_socket import Disconnected
from lab.layers import Layer
from lab.machine import Files, Memory
from lab.nodes import NODES
from lab.parallel import on_both
from lab.paths import STATE
from lab.provider import QEMU
from lab.qmp import Monitor
from lab.stages import Stage

BOOT_SECONDS = 300.0
MEMORY_SECONDS = 180.0
PORT_TRIES = 5


class PortTaken(LabError):
    """Someone else took a port between our choice and QEMU's start."""


class Qemu:
    """Two QEMU processes of this checkout."""

    name = QEMU

    def __init__(self, built: Callable[[], Box]) -> None:
        """Args: built: returns what the VMs boot; called only if something is started."""
        self._built = built

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
        """What a stored state depends on besides its content: QEMU's version and the shape of the machine."""
        return f"{accelerator.qemu_version()} {machine.identity(self.accelerator)}"

    def _held(self) -> Path:
        """Link to the layer that a reset returns to."""
        return STATE / "held"

    def _files(self, node: str) -> Files:
        disk, memory = STATE / "disks" / f"{node}.qcow2", paths.MEMORY / f"{node}.ram"
        return Files(disk, memory, self.serial_log(node), paths.sockets(), node)

    def _ports_file(self) -> Path:
        return paths.sockets() / "ports.json"

    def _agent(self, node: str) -> Agent:
        return Agent(Socket(self._files(node).agent, node), node, lambda: self._pid(node) is not None)

    def _monitor(self, node: str) -> Monitor:
        return Monitor(self._files(node).monitor, node)

    def _pid(self, node: str) -> int | None:
        """PID of the VM, if it runs and is really ours."""
        files = self._files(node)
        try:
            pid = int(files.pid.read_text())
        except (OSError, ValueError):
            return None
        return pid if processes.is_vm(pid, machine.drive(files)) else None

    def running(self) -> bool:
        """Whether both processes live."""
        return all(self._pid(node) is not None for node in NODES)

    def set_up(self, identity: Identity, values: Mapping[str, str]) -> None:
        """Out of band, what a provider gives a fresh server."""
        bare.configure(self.run, identity, values, abandon=self.stop)

    def find(self, key: str) -> Layer | None:
        """A layer of the cache, whichever checkout made it."""
        return layers.find(key)

    def start(self, layer: Layer | None) -> None:
        """Start both VMs from a layer, or boot the box. Raises LabError; nothing is left then."""
        self._start_on_free_ports("shared" if layer else "new", layer)

    def hold(self, layer: Layer) -> None:
        """Start both VMs from a layer, to which a reset returns: the files of its memory stay as they are."""
        self._start_on_free_ports("private", layer)
        self._held().unlink(missing_ok=True)
        self._held().symlink_to(layer.folder)

    def _start_on_free_ports(self, memory: Memory, layer: Layer | None) -> None:
        for attempt in range(1, PORT_TRIES + 1):
            try:
                return self._start(memory, layer)
            except LabError as error:
                if isinstance(error, PortTaken) and attempt < PORT_TRIES:
                    continue
                if layer is None:
                    raise
                hint = f"lab up again; if that does not help: rm -r {layer.folder}, it is made again"
                raise LabError(f"The state after {layer.task} cannot be restored. {error.what}", hint) from error
        raise AssertionError

    def _start(self, memory: Memory, layer: Layer | None) -> None:
        self.stop()
        shutil.rmtree(STATE / "disks", ignore_errors=True)
        for folder in ("disks", "logs"):
            (STATE / folder).mkdir(parents=True, exist_ok=True)
        paths.make_memory(sum(machine.MEMORY_MIB.values()))
        for node in NODES:
            self.serial_log(node).unlink(missing_ok=True)
        try:
            if layer is not None:
                layer.touch()
                on_both(lambda node: self._read_memory(node, layer.folder))
            ports = dict(zip(machine.HUB_PORTS, free_ports.find_free(len(machine.HUB_PORTS)), strict=True))
            self._run(memory, layer.folder if layer else None, ports)
        except BaseException:
            self.stop()
            raise

    def _read_memory(self, node: str, layer: Path) -> None:
        files = self._files(node)
        stored_memory.read(layer / f"{node}.{layers.MEMORY}", files.memory)
        stored_memory.read(layer / f"{node}.{layers.STATE}", files.state)

    def _run(self, memory: Memory, layer: Path | None, ports: Mapping[str, int]) -> None:
        """Start both VMs, on new disks over the layer's or the box's, and let them run; ready when both answer."""
        paths.make_sockets()
        self._ports_file().write_text(json.dumps(ports))
        try:
            on_both(lambda node: self._launch(node, memory, layer, ports))
            if layer is not None:
                on_both(self._load, self.stop)
                self._on_both_monitors("cont")
            on_both(lambda node: self._agent(node).wait(BOOT_SECONDS), self.stop)
        except BaseException:
            self.stop()
            raise

    def _launch(self, node: str, memory: Memory, layer: Path | None, ports: Mapping[str, int]) -> None:
        files = self._files(node)
        below = (layer / f"{node}.{layers.DISK}", "qcow2") if layer else (self.box.image(node), "raw")
        self._make_disk(node, files.disk, *below)
        reconnect = "reconnect-ms=200" if accelerator.qemu_version() >= (9, 2) else "reconnect=1"
        arguments = machine.command(files, self.box, self.accelerator, ports, reconnect, memory)
        try:
            tools.run(["qemu-system-x86_64", *arguments], f"Starting the VM {node}", hint="lab doctor")
        except LabError as error:
            if "host forwarding" in error.what:
                raise PortTaken(error.what, "Run it again.") from error
            raise

    def _make_disk(self, node: str, disk: Path, below: Path, form: str, size: int | None = None) -> None:
        """Make an empty disk over another one, which with `size`, in bytes, need not be there yet."""
        disk.unlink(missing_ok=True)
        blindly, length = (["-u"], [str(size)]) if size else ([], [])
        tools.run(
            ["qemu-img", "create", "-q", *blindly, "-f", "qcow2", "-b", below, "-F", form, disk, *length],
            f"Making the disk of {node}",
        )

    def _load(self, node: str) -> None:
        """Load the rest of a VM's state: its memory is in the file that it was started on."""
        with self._monitor(node) as monitor:
            monitor.leave_shared_memory()
            monitor.call("migrate-incoming", {"uri": f"file:{self._files(node).state}"})
            monitor.wait_migration(MEMORY_SECONDS)

    def _on_both_monitors(self, command: str) -> None:
        for node in NODES:
            with self._monitor(node) as monitor:
                monitor.call(command)

    def stop(self) -> None:
        """Stop both VMs and remove their memory, even if a killed run left them without a record."""
        self._end()
        paths.remove_memory()

    def _end(self) -> None:
        for node in NODES:
            argument = machine.drive(self._files(node))
            for pid in processes.vms(argument):
                processes.end(pid, argument)
        paths.remove_sockets()

    def destroy(self) -> None:
        """The same: what a checkout's lab leaves else is in its folder, and layers stay for all checkouts."""
        self.stop()

    def keep(self, stage: Stage, parent: Layer | None, seconds: float) -> Layer:
        """Stop both at one moment, write their memory and disks into the cache, and let them run on."""
        layer, is_ours = layers.store(stage, parent, self.box, seconds, lambda folder: self._store(folder, stage.key))
        if not is_ours:  # their disks stand on those of another checkout's layer
            self.start(layer)
        return layer

    def prune(self, keep: Collection[str]) -> int:  # noqa: ARG002
        """All layers are in the cache, for every checkout."""
        return 0

    def release_memory(self) -> None:
        """Let both guests give memory back in which they only keep files."""
        on_both(lambda node: guest_memory.release(self.run, node, self._files(node).memory))

    def _store(self, folder: Path, key: str) -> None:
        """Write both, as they are at one moment, into a folder that becomes the layer of this key."""
        present = {node: self._disk(node) for node in NODES}
        self._on_both_monitors("stop")
        on_both(lambda node: self._store_memory(node, folder, key))
        self._on_both_monitors("cont")
        for node, disk in present.items():  # from which QEMU only reads now, and it has it open
            shutil.move(disk, folder / f"{node}.{layers.DISK}")

    def _disk(self, node: str) -> Path:
        """The disk that a VM writes to."""
        (disk,) = (STATE / "disks").glob(f"{node}.*")
        return disk

    def _store_memory(self, node: str, folder: Path, key: str) -> None:
        """Write a VM's memory into a folder, and let it write to a new disk from now on."""
        files = self._files(node)
        with self._monitor(node) as monitor:
            new, below = files.disk.with_name(f"{node}.{key}.qcow2"), layers.folder(key) / f"{node}.{layers.DISK}"
            self._make_disk(node, new, below, "qcow2", monitor.disk_size(machine.DISK))
            monitor.change_disk(machine.DISK, new)
            monitor.leave_shared_memory()
            monitor.call("migrate", {"uri": f"file:{files.state}"})
            monitor.wait_migration(MEMORY_SECONDS)
        stored_memory.write(files.state, folder / f"{node}.{layers.STATE}")
        stored_memory.write(files.memory, folder / f"{node}.{layers.MEMORY}")

    def restore(self) -> None:
        """Return both VMs to the layer that is held, in new processes: their clocks have not gone on."""
        ports = self.endpoints()
        self._end()
        self._run("private", self._held().resolve(), ports)

    def run(self, node: str, argv: Sequence[str], stdin: bytes = b"", timeout: float = 60.0) -> Completed:
        """Run a command as root through the guest agent."""
        if self._pid(node) is None:
            raise Disconnected(f"The VM {node} is not running.", "lab up")
        try:
            return self._agent(node).run(argv, stdin, timeout)
        except Disconnected:
            self._explain_silence(node)
            raise

    def _explain_silence(self, node: str) -> None:
        """Raise LabError if QEMU itself stopped the VM; its guest then only looks silent."""
        try:
            with self._monitor(node) as monitor:
                state = monitor.call("query-status")["status"]
        except Disconnected:
            return
        if state == "io-error":
            raise LabError(
                f"The VM {node} was stopped: its disk under {STATE} cannot be written.",
                "Free some room there; then lab down and lab up.",
            )
        if state != "running":
            raise LabError(f"The VM {node} is {state}: a command on this lab was killed half-way.", "lab up")

    def answers(self, node: str) -> bool:
        """Whether the node's agent answers now."""
        return self._pid(node) is not None and self._agent(node).answers()

    def power_cycle(self, node: str) -> None:
        """Reset the machine as its reset button would."""
        with self._monitor(node) as monitor:
            monitor.call("system_reset")

    def endpoints(self) -> Mapping[str, int]:
        """Ports on 127.0.0.1 by name."""
        try:
            ports: dict[str, int] = json.loads(self._ports_file().read_text())
        except (OSError, ValueError) as error:
            raise LabError("The lab is not running.", "lab up") from error
        return ports

    def serial_log(self, node: str) -> Path:
        """The console's file."""
        return STATE / "logs" / f"{node}.serial.log"

    def resident_mib(self, node: str) -> float:
        """Private memory of the process and size of the memory file, in MiB."""
        pid = self._pid(node)
        if pid is None:
            return 0.0
        try:
            blocks = self._files(node).memory.stat().st_blocks
        except FileNotFoundError:  # it ended in the meantime
            return 0.0
        return processes.own_mib(pid) + blocks * 512 / (1 << 20)
