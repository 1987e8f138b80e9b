"""The lab of this checkout: brought up to a task, put back, looked into, taken down."""

import errno
import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from lab import (
    atomic,
    bare,
    box,
    identity,
    inventory,
    layers,
    locks,
    project_copy,
    providers,
    ssh_access,
    stages,
    tools,
)
from lab.agent import Completed
from lab.bring_up import BringUp
from lab.errors import LabError
from lab.layers import Layer
from lab.nodes import NODES
from lab.paths import STATE, cache
from lab.progress import step
from lab.provider import Provider
from lab.waiting import wait_until

__all__ = ["Completed", "Lab", "Status"]

RUN_FILE = STATE / "run.json"
REBOOT_SECONDS = 240.0
LOOK_SECONDS = 2.0  # for one look at a guest that reboots: when it shuts down, it may take the question with it
DISKS_GIB = 4  # what both VMs write, and their memory if it is on disk


@dataclass(frozen=True)
class Status:
    """The present state of the lab. If nothing runs, `task` is None and the accelerator is empty.

    `checkouts` has for each checkout whose lab is up the MiB of the layers that it stands on.
    """

    running: bool
    task: str | None
    layer: str | None
    provider: str
    accelerator: str
    reason: str
    resident_mib: Mapping[str, float]
    cache_mib: Mapping[str, float]
    checkouts: Mapping[str, float]
    ports: Mapping[str, int]


class Lab:
    """Both VMs as one thing. Methods that change it hold the checkout's lock."""

    def __init__(self, provider: Provider) -> None:
        """Args: provider: makes the VMs."""
        self._provider = provider

    @classmethod
    def of_checkout(cls, provider: str | None = None) -> "Lab":
        """The lab of this checkout, by this provider.

        Args:
            provider: its name; if None, that of the lab that is up, else what this machine has.

        Raises:
            UsageError: there is no such provider.
        """
        return cls(providers.make(provider or _note().get("provider") or providers.default()))

    @contextmanager
    def _alone(self) -> Iterator[None]:
        with _locked():
            try:
                yield
            except TimeoutError as error:
                raise LabError(str(error), "Is the machine overloaded? Run it again.") from error
            except OSError as error:
                hint = tools.MORE_ROOM if error.errno in (errno.ENOSPC, errno.EDQUOT) else ""
                raise LabError(f"Operating-system error: {error}.", hint) from error

    def _note(self) -> dict[str, str]:
        """The note of the running lab, if this provider made it."""
        note = _note()
        return note if note.get("provider") == self._provider.name else {}

    def running(self) -> bool:
        """Whether the lab was brought up completely and both VMs still answer."""
        return bool(self._note()) and self._provider.running() and all(map(self._provider.answers, NODES))

    def up(self, until: str | None = None) -> None:
        """Bring the lab to the state after a task: restore the longest valid prefix of layers and apply the rest.

        Args:
            until: task id, "bare" or "fresh"; the last task if None. Nothing happens where the lab is already there.

        Raises:
            UsageError: there is no such task.
            LabError: a stage failed, or the machine cannot run the lab.
        """
        stages.require_known_task(until)
        ssh_access.require_plain_paths()
        known, values = identity.ensure(), inventory.variables()
        with self._alone():
            with layers.shared_lock():
                way = BringUp(self._provider, known, values)
                plan = way.plan()
                wanted = stages.until(plan, until)
                if self._note().get("layer") == wanted[-1].key and self.running():
                    return
                RUN_FILE.unlink(missing_ok=True)
                providers.stop_others(self._provider.name)
                tools.require_room(STATE, DISKS_GIB, "a running lab", "Free some room.")
                self._remember(way.to(wanted))
            self._prune({stage.key for stage in plan}, layers.KEEP_SECONDS, wait=False)

    def _remember(self, layer: Layer) -> None:
        how = self._provider.accelerator
        lab = {"provider": self._provider.name, "accelerator": how.name, "reason": how.reason}
        note = {**lab, "layer": layer.key, "task": layer.task, "box": layer.box}
        atomic.write(RUN_FILE, json.dumps(note))
        layers.note_user(RUN_FILE)

    def _prune(self, keep: set[str], older_than: float, wait: bool, newest: int = 0) -> tuple[int, int]:
        own = self._provider.prune(keep)
        with layers.exclusive_lock(wait) as alone:
            if not alone:
                return own, 0
            labs = list(map(_read_note, layers.users()))
            gone = layers.prune(keep | {lab.get("layer", "") for lab in labs}, older_than, newest)
            used = {lab.get("box", "") for lab in labs} | {layer.box for layer in layers.every()}
            boxes = box.prune({box.key(), *used}, older_than)
        return own + len(gone), len(boxes)

    def prune(self, newest: int = 0) -> tuple[int, int]:
        """Remove every layer that neither today's plan nor a running lab needs, and boxes that no layer needs.

        Args:
            newest: so many more layers stay, those that were used last, with what they stand on.

        Returns:
            Numbers of removed layers and boxes.
        """
        way = BringUp(self._provider, identity.ensure(), inventory.variables())
        plan = way.plan() if box.find() else []  # without today's box there is no layer of today
        with self._alone():
            return self._prune({stage.key for stage in plan}, 0, wait=True, newest=newest)

    def status(self) -> Status:
        """What runs, from which layer, and what it holds of the machine."""
        note = self._note() if self._provider.running() else {}
        boxes, kept = (_mib(cache() / part) for part in ("boxes", "layers"))
        return Status(
            running=self.running(),
            task=note.get("task"),
            layer=note.get("layer"),
            provider=self._provider.name,
            accelerator=note.get("accelerator", ""),
            reason=note.get("reason", ""),
            resident_mib={node: round(self._provider.resident_mib(node), 1) for node in NODES},
            cache_mib={"boxes": boxes, "layers": kept},
            checkouts={
                str(path.readlink().parents[1]): round(
                    sum(layer.size() for layer in layers.chain(_read_note(path).get("layer", ""))) / 2**20, 1
                )
                for path in layers.users()
            },
            ports=self._ports(),
        )

    def _ports(self) -> Mapping[str, int]:
        try:
            return self._provider.endpoints() if self._provider.running() else {}
        except LabError:  # it ended in the meantime
            return {}

    def origin(self) -> dict[str, str]:
        """What the lab is made by and from: provider, accelerator, box, layer, task; what is not known is left out."""
        known = ("provider", "accelerator", "box", "layer", "task")
        return {name: value for name, value in self._note().items() if name in known}

    def _require_running(self) -> None:
        if not self._note() or not self._provider.running():
            raise LabError("The lab is not running.", "lab up")

    def reset(self) -> None:
        """Put memory and disks of both VMs back to where `up` left them; a command runs in both afterwards."""
        with self._alone():
            self._require_running()
            self._provider.restore()

    def exec(self, node: str, argv: Sequence[str], stdin: bytes = b"", timeout: float = 60.0) -> Completed:
        """Run a command as root out of band: through the guest agent, whatever the guest's network does.

        Args:
            node: "mail" or "hub".
            argv: program and arguments, without a shell.
            stdin: bytes for its standard input.
            timeout: seconds after which it is killed.

        Raises:
            LabError: the VM or its agent does not answer.
            TimeoutError: the command was not done in time; the lab itself may be well.
        """
        return self._provider.run(node, argv, stdin, timeout)

    def _boot_id(self, node: str, timeout: float = 60.0) -> str:
        return bare.expect(self._provider.run, node, "cat", "/proc/sys/kernel/random/boot_id", timeout=timeout).strip()

    def _await_boot(self, node: str, before: str, timeout: float) -> None:
        wait_until(
            lambda: self._boot_id(node, LOOK_SECONDS) != before,
            f"{node} to come back from a reboot",
            timeout,
            tolerate=(LabError, TimeoutError),
            error=lambda message: LabError(message, f"lab logs {node}"),
            longest_pause=0.2,
        )

    def reboot(self, node: str, timeout: float = REBOOT_SECONDS) -> None:
        """Reboot a node as its administrator would; returns when the agent answers from the new boot.

        Raises:
            LabError: it does not come back in time.
        """
        before = self._boot_id(node)
        self._provider.run(node, ["systemctl", "--no-block", "reboot"])
        self._await_boot(node, before, timeout)

    def power_cut(self, node: str, timeout: float = REBOOT_SECONDS) -> None:
        """Reset a node without asking it; returns when the agent answers from the new boot.

        Raises:
            LabError: it does not come back in time.
        """
        before = self._boot_id(node)
        self._provider.power_cycle(node)
        self._await_boot(node, before, timeout)

    def serial_log(self, node: str) -> Path:
        """The console of a node, since its VM was started."""
        return self._provider.serial_log(node)

    def collect(self, folder: Path) -> None:
        """Write logs and tables that show the lab's state; keys never leave the guest. Errors become files."""
        folder.mkdir(parents=True, exist_ok=True)
        looks = {
            "journal.txt": ["journalctl", "--boot", "--no-pager", "--lines=2000"],
            "sockets.txt": ["ss", "-tulpn"],
            "nft.txt": ["nft", "list", "ruleset"],
            "wireguard.txt": ["wg", "show"],
            "addresses.txt": ["ip", "-brief", "address"],
            "units-failed.txt": ["systemctl", "--failed", "--no-pager"],
        }
        for node in NODES:
            if self.serial_log(node).exists():
                shutil.copy(self.serial_log(node), folder / f"{node}-serial.log")
            for name, argv in looks.items():
                try:
                    done = self.exec(node, argv, timeout=30)
                    text = done.stdout + done.stderr
                except (LabError, TimeoutError) as error:
                    text = f"{error}\n".encode()
                (folder / f"{node}-{name}").write_bytes(text)

    def down(self) -> None:
        """End both VMs, and those of a second lab. The next `up` starts from the layer again."""
        with self._alone():
            RUN_FILE.unlink(missing_ok=True)
            self._provider.stop()
            providers.stop_others(self._provider.name)
        project_copy.down()

    def destroy(self) -> None:
        """End both VMs and remove all of this checkout's lab; boxes and layers in the cache stay."""
        project_copy.down()
        with self._alone():
            providers.destroy_all()
            shutil.rmtree(STATE)


@contextmanager
def _locked() -> Iterator[None]:
    """Hold the checkout's lock."""
    with locks.exclusive(STATE / "lock", lambda: step("Waiting for another command that changes this lab")):
        yield


def _note() -> dict[str, str]:
    return _read_note(RUN_FILE)


def _read_note(path: Path) -> dict[str, str]:
    """The note of a checkout's running lab; empty if none runs."""
    try:
        note: dict[str, str] = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return note if isinstance(note, dict) else {}


def _mib(folder: Path) -> float:
    """Disk usage of the files below a folder, in MiB; files that vanish in the meantime count nothing."""
    blocks = 0
    for place, _, names in os.walk(folder):
        for name in names:
            with suppress(FileNotFoundError):
                blocks += os.lstat(os.path.join(place, name)).st_blocks  # noqa: PTH118 - thousands of them
    return round(blocks * 512 / 2**20, 1)
