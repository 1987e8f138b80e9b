"""QEMU as the embedded provider: an ordinary user's processes, no daemon, no bridge."""

import json
import os
import shutil
import socket
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from functools import cached_property
from pathlib import Path

from lab import accelerator, machine, paths, processes, tools
from lab.accelerator import Accelerator
from lab.agent import Agent, Completed
from lab.box import Box
from lab.errors import LabError
from lab.jsonsocket import Disconnected
from lab.machine import Files
from lab.paths import STATE
from lab.provider import NODES
from lab.qmp import Monitor
from lab.sidebyside import both

# Without KVM the processor's own counter never goes back in one process of QEMU: with a reset it jumps over the time
# since the snapshot. The guest charges that jump to whoever ran, and whoever has a quota stands still for as long:
# a quota that is written anew starts without debts. And systemd takes a jump of minutes for services that hang, and
# kills them: until the next boot it does not watch.
FORGIVE_QUOTAS = """\
for quota in $(grep -Ls ^max /sys/fs/cgroup/*/cpu.max /sys/fs/cgroup/*/*/cpu.max); do
    value=$(cat "$quota") && echo "$value" >"$quota"
done
"""
RESET_POINT = "reset"
BOOT_SECONDS = 300.0
MEMORY_SECONDS = 180.0
PORT_TRIES = 5


class PortTaken(LabError):
    """Somebody else took a port between our choice and QEMU's start."""


def _free_ports() -> dict[str, int]:
    with ExitStack() as stack:
        held = {name: stack.enter_context(socket.socket()) for name in machine.HUB_PORTS}
        for each in held.values():
            each.bind(("127.0.0.1", 0))
        return {name: int(each.getsockname()[1]) for name, each in held.items()}


class Qemu:
    """Two QEMU processes of this checkout."""

    name = "qemu"

    def __init__(self, built: Callable[[], Box]) -> None:
        """Args: built: gives what the VMs boot; asked only where something is started."""
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

    def _files(self, node: str) -> Files:
        return Files(STATE / "disks" / f"{node}.qcow2", self.serial_log(node), paths.sockets(), node)

    def _ports_file(self) -> Path:
        return paths.sockets() / "ports.json"

    def _agent(self, node: str) -> Agent:
        return Agent(self._files(node).agent, node, lambda: self._pid(node) is not None)

    def _monitor(self, node: str) -> Monitor:
        return Monitor(self._files(node).monitor, node)

    def _pid(self, node: str) -> int | None:
        """Process of the VM where it lives and is really ours."""
        files = self._files(node)
        try:
            pid = int(files.pid.read_text())
        except (OSError, ValueError):
            return None
        return pid if processes.is_vm(pid, machine.drive(files)) else None

    def running(self) -> bool:
        """Whether both processes live."""
        return all(self._pid(node) is not None for node in NODES)

    def start(self, layer: Path | None) -> None:
        """Start both VMs from a layer's memory and disks, or boot the box. Raises LabError; nothing is left then."""
        for attempt in range(1, PORT_TRIES + 1):
            try:
                return self._start(layer)
            except PortTaken:
                if attempt == PORT_TRIES:
                    raise
        raise AssertionError

    def _start(self, layer: Path | None) -> None:
        self.stop()
        for folder in (STATE / "disks", STATE / "logs"):
            folder.mkdir(parents=True, exist_ok=True)
        paths.make_sockets()
        ports = _free_ports()
        self._ports_file().write_text(json.dumps(ports))
        try:
            both(lambda node: self._launch(node, layer, ports))
            if layer is not None:
                both(lambda node: self._load(node, layer / f"{node}.mem"), self.stop)
                self._on_both_monitors("cont")
            both(lambda node: self._agent(node).wait(BOOT_SECONDS), self.stop)
        except BaseException:
            self.stop()
            raise

    def _launch(self, node: str, layer: Path | None, ports: Mapping[str, int]) -> None:
        files = self._files(node)
        backing, form = (self.box.image(node), "raw") if layer is None else (layer / f"{node}.qcow2", "qcow2")
        files.disk.unlink(missing_ok=True)
        files.serial.unlink(missing_ok=True)
        tools.run(
            ["qemu-img", "create", "-q", "-f", "qcow2", "-b", backing, "-F", form, files.disk],
            f"Making the disk of {node}",
        )
        reconnect = "reconnect-ms=200" if accelerator.qemu_version() >= (9, 2) else "reconnect=1"
        arguments = machine.command(files, self.box, self.accelerator, ports, reconnect, layer is not None)
        try:
            tools.run(["qemu-system-x86_64", *arguments], f"Starting the VM {node}", cure="lab doctor")
        except LabError as error:
            if "host forwarding" in error.what:
                raise PortTaken(error.what, "Run it again.") from error
            raise

    def _load(self, node: str, memory: Path) -> None:
        with self._monitor(node) as monitor:
            monitor.call("migrate-incoming", uri=f"file:{memory}")
            monitor.wait_migration(MEMORY_SECONDS)

    def _on_both_monitors(self, command: str) -> None:
        for node in NODES:
            with self._monitor(node) as monitor:
                monitor.call(command)

    def stop(self) -> None:
        """End both VMs and remove their sockets, also where a killed run left them without any record."""
        for node in NODES:
            argument = machine.drive(self._files(node))
            for pid in processes.vms(argument):
                processes.end(pid, argument)
        paths.remove_sockets()

    def store(self, folder: Path) -> None:
        """Stop both at one moment, write their memory, end them, and move their disks into the folder."""
        self._on_both_monitors("stop")
        both(lambda node: self._save(node, folder / f"{node}.mem"), self.stop)
        self.stop()
        for node in NODES:
            shutil.move(self._files(node).disk, folder / f"{node}.qcow2")

    def _save(self, node: str, memory: Path) -> None:
        with self._monitor(node) as monitor:
            monitor.call("migrate-set-parameters", **{"max-bandwidth": 1 << 40})
            monitor.call("migrate", uri=f"file:{memory}")
            monitor.wait_migration(MEMORY_SECONDS)

    def snapshot(self) -> None:
        """Keep the reset point inside both disks."""
        both(lambda node: self._agent(node).run(["systemctl", "service-watchdogs", "off"], b"", 30))
        self._as_one(f"savevm {RESET_POINT}")

    def restore(self) -> None:
        """Return to the reset point, both VMs together."""
        self._as_one(f"loadvm {RESET_POINT}")
        both(self._awake)

    def _awake(self, node: str) -> None:
        self._agent(node).wait(30)
        self._agent(node).run(["sh", "-c", FORGIVE_QUOTAS], b"", 30)

    def _as_one(self, line: str) -> None:
        def act(node: str) -> None:
            with self._monitor(node) as monitor:
                if said := monitor.human(line):
                    raise LabError(f"`{line}` failed in {node}: {said}", "lab down, then lab up")

        self._on_both_monitors("stop")
        both(act)
        self._on_both_monitors("cont")

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
        """Raise LabError where QEMU itself stopped the VM: its guest is only silent."""
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
        """Resident set of the process."""
        pid = self._pid(node)
        if pid is None:
            return 0.0
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / (1 << 20)
