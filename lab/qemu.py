"""QEMU as the embedded provider: an ordinary user's processes, no daemon, no bridge."""

import json
import os
import shutil
import signal
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

from lab import accelerator, machine, tools
from lab.accelerator import Accelerator
from lab.agent import Agent, Completed
from lab.box import Box
from lab.errors import LabError
from lab.jsonsocket import Disconnected
from lab.machine import Files
from lab.paths import STATE, sockets
from lab.provider import NODES
from lab.qmp import Monitor

RESET_POINT = "reset"
BOOT_SECONDS = 300.0
MEMORY_SECONDS = 180.0


def _both(action: Callable[[str], None]) -> None:
    """Do something for both nodes side by side; the first error is raised after both have ended."""
    with ThreadPoolExecutor(len(NODES)) as pool:
        for future in [pool.submit(action, node) for node in NODES]:
            future.result()


def _free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        held = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in held:
            each.bind(("127.0.0.1", 0))
        return [int(each.getsockname()[1]) for each in held]


class Qemu:
    """Two QEMU processes of this checkout."""

    name = "qemu"

    def __init__(self, box: Box, accelerated: Accelerator) -> None:
        """Args: box: what the VMs boot; accelerated: KVM or TCG."""
        self._box = box
        self._accelerator = accelerated
        self._folder = sockets()
        self._ports_file = self._folder / "ports.json"

    @property
    def identity(self) -> str:
        """What a stored state depends on besides its content: QEMU's version and the shape of the machine."""
        return f"{accelerator.qemu_version()} {machine.identity(self._accelerator)}"

    def _files(self, node: str) -> Files:
        return Files(STATE / "disks" / f"{node}.qcow2", self.serial_log(node), self._folder, node)

    def _agent(self, node: str) -> Agent:
        return Agent(self._files(node).agent, node)

    def _monitor(self, node: str) -> Monitor:
        return Monitor(self._files(node).monitor, node)

    def _pid(self, node: str) -> int | None:
        """Process of the VM where it lives and is really ours."""
        files = self._files(node)
        try:
            pid = int(files.pid.read_text())
            command = Path(f"/proc/{pid}/cmdline").read_bytes()
        except (OSError, ValueError):
            return None
        return pid if f"unix:{files.monitor},".encode() in command else None

    def running(self) -> bool:
        """Whether both processes live."""
        return all(self._pid(node) is not None for node in NODES)

    def start(self, layer: Path | None) -> None:
        """Start both VMs from a layer's memory and disks, or boot the box. Raises LabError; nothing is left then."""
        self.stop()
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        (STATE / "disks").mkdir(parents=True, exist_ok=True)
        (STATE / "logs").mkdir(parents=True, exist_ok=True)
        ports = dict(zip(machine.HUB_PORTS, _free_ports(len(machine.HUB_PORTS)), strict=True))
        self._ports_file.write_text(json.dumps(ports))
        try:
            _both(lambda node: self._launch(node, layer, ports))
            if layer is not None:
                _both(lambda node: self._load(node, layer / f"{node}.mem"))
                self._on_both_monitors("cont")
            _both(lambda node: self._agent(node).wait(BOOT_SECONDS))
        except BaseException:
            self.stop()
            raise

    def _launch(self, node: str, layer: Path | None, ports: Mapping[str, int]) -> None:
        files = self._files(node)
        backing, form = (self._box.image(node), "raw") if layer is None else (layer / f"{node}.qcow2", "qcow2")
        files.disk.unlink(missing_ok=True)
        files.serial.unlink(missing_ok=True)
        tools.run(
            ["qemu-img", "create", "-q", "-f", "qcow2", "-b", backing, "-F", form, files.disk],
            f"Making the disk of {node}",
        )
        reconnect = "reconnect-ms=200" if accelerator.qemu_version() >= (9, 2) else "reconnect=1"
        arguments = machine.command(files, self._box, self._accelerator, ports, reconnect, layer is not None)
        tools.run(["qemu-system-x86_64", *arguments], f"Starting the VM {node}", cure="lab doctor")

    def _load(self, node: str, memory: Path) -> None:
        with self._monitor(node) as monitor:
            monitor.call("migrate-incoming", uri=f"file:{memory}")
            monitor.wait_migration(MEMORY_SECONDS)

    def _on_both_monitors(self, command: str) -> None:
        for node in NODES:
            with self._monitor(node) as monitor:
                monitor.call(command)

    def stop(self) -> None:
        """End both VMs and remove their sockets; a VM that does not obey is killed by its number."""
        for node in NODES:
            pid = self._pid(node)
            if pid is not None:
                self._end(node, pid)
        if self._folder.exists():
            shutil.rmtree(self._folder)

    def _end(self, node: str, pid: int) -> None:
        try:
            with self._monitor(node) as monitor:
                monitor.call("quit")
        except LabError:
            os.kill(pid, signal.SIGTERM)
        killed = False
        deadline = time.monotonic() + 10
        while self._pid(node) is not None:
            if time.monotonic() > deadline:
                if killed:
                    raise LabError(f"The VM {node} (process {pid}) cannot be ended.")
                os.kill(pid, signal.SIGKILL)
                killed = True
                deadline = time.monotonic() + 10
            time.sleep(0.02)

    def store(self, folder: Path) -> None:
        """Stop both at one moment, write their memory, end them, and move their disks into the folder."""
        self._on_both_monitors("stop")
        _both(lambda node: self._save(node, folder / f"{node}.mem"))
        self.stop()
        for node in NODES:
            self._files(node).disk.rename(folder / f"{node}.qcow2")

    def _save(self, node: str, memory: Path) -> None:
        with self._monitor(node) as monitor:
            monitor.call("migrate-set-parameters", **{"max-bandwidth": 1 << 40})
            monitor.call("migrate", uri=f"file:{memory}")
            monitor.wait_migration(MEMORY_SECONDS)

    def snapshot(self) -> None:
        """Keep the reset point inside both disks."""
        self._as_one(f"savevm {RESET_POINT}")

    def restore(self) -> None:
        """Return to the reset point, both VMs together."""
        self._as_one(f"loadvm {RESET_POINT}")
        _both(lambda node: self._agent(node).wait(30))

    def _as_one(self, line: str) -> None:
        def act(node: str) -> None:
            with self._monitor(node) as monitor:
                if said := monitor.human(line):
                    raise LabError(f"`{line}` failed in {node}: {said}", "lab down, then lab up")

        self._on_both_monitors("stop")
        _both(act)
        self._on_both_monitors("cont")

    def run(self, node: str, argv: Sequence[str], stdin: bytes = b"", timeout: float = 60.0) -> Completed:
        """Run a command as root through the guest agent."""
        if self._pid(node) is None:
            raise Disconnected(f"The VM {node} is not running.", "lab up")
        return self._agent(node).run(argv, stdin, timeout)

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
            ports: dict[str, int] = json.loads(self._ports_file.read_text())
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
