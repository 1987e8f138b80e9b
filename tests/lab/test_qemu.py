import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from lab import accelerator, free_ports, layers, machine, paths, processes, qemu, stored_memory, tools
from lab.accelerator import Accelerator
from lab.agent import Agent
from lab.box import Box
from lab.errors import LabError
from lab.json_socket import Disconnected
from lab.layers import Layer
from lab.nodes import NODES
from lab.qemu import Qemu
from lab.stages import Stage

LAYER = Layer("1.2.1", "abc", None, "key", 1.0, Path("/layers/abc"), "abc")


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout without a lab, on a machine where no process is started and none is found."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.setattr(qemu, "STATE", tmp_path / ".lab")
    monkeypatch.setattr(paths, "SOCKETS_LINK", tmp_path / ".lab" / "sockets")
    monkeypatch.setattr(paths, "MEMORY", tmp_path / ".lab" / "memory")
    monkeypatch.setattr(paths, "SHARED_MEMORY", tmp_path)
    monkeypatch.setattr(accelerator, "choose", lambda _: Accelerator("tcg", ""))
    monkeypatch.setattr(accelerator, "qemu_version", lambda: (10, 0))
    monkeypatch.setattr(processes, "vms", lambda _: [])
    monkeypatch.setattr(tools, "run", lambda *_, **__: "")
    monkeypatch.setattr(Layer, "touch", lambda _: None)
    (tmp_path / ".lab").mkdir()
    return tmp_path / ".lab"


def provider() -> Qemu:
    return Qemu(lambda: Box("key", Path("/box")))


def failing(monkeypatch: pytest.MonkeyPatch, said: str, times: int) -> list[str]:
    """QEMU ends so often with these words. Returns the list of all that was started."""
    started: list[str] = []

    def run(argv: list[object], *_: object, **__: object) -> str:
        started.append(" ".join(map(str, argv)))
        if "mail-lab-hub" in started[-1] and sum("mail-lab-hub" in line for line in started) <= times:
            raise LabError(said)
        return ""

    monkeypatch.setattr(tools, "run", run)
    monkeypatch.setattr(Agent, "wait", lambda *_: None)
    return started


def hubs(started: list[str]) -> int:
    return sum("mail-lab-hub" in line for line in started)


TAKEN = "Could not set up host forwarding rule 'tcp:127.0.0.1:40001-:22'"


def test_a_port_that_is_taken_meanwhile_is_replaced(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started = failing(monkeypatch, TAKEN, times=2)
    lab = provider()
    lab.start(None)
    assert hubs(started) == 3
    assert (state / "memory").is_dir()
    assert set(lab.endpoints()) == set(machine.HUB_PORTS)
    assert state.is_dir()


def test_each_try_reads_the_stored_memory_again(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    failing(monkeypatch, TAKEN, times=1)
    monkeypatch.setattr(Qemu, "_load", lambda *_: None)
    monkeypatch.setattr(Qemu, "_on_both_monitors", lambda *_: None)
    monkeypatch.setattr(stored_memory, "read", lambda stored, file: file.write_text(stored.name))
    provider().hold(LAYER)
    assert (state / "memory" / "mail.ram").read_text() == "mail.ram.zst"
    assert (state / "held").readlink() == LAYER.folder


def test_ports_that_are_always_taken_are_an_error(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started = failing(monkeypatch, TAKEN, times=99)
    with pytest.raises(LabError, match="host forwarding"):
        provider().start(None)
    assert hubs(started) == qemu.PORT_TRIES
    assert not (state / "sockets").is_symlink()


def test_no_connection_of_this_machine_gets_a_port_of_the_lab(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While both VMs start again their ports are free for a moment."""
    (state / "range").write_text("21000\t60999\n")
    monkeypatch.setattr(free_ports, "OUTGOING", state / "range")
    failing(monkeypatch, "", times=0)
    lab = provider()
    lab.start(None)
    assert all(free_ports.FIRST <= port < 21000 for port in lab.endpoints().values())


@pytest.mark.parametrize(("room", "linked"), [(1 << 40, True), (1 << 20, False)])
def test_memory_lies_in_memory_if_there_is_room(
    state: Path, monkeypatch: pytest.MonkeyPatch, room: int, linked: bool
) -> None:
    failing(monkeypatch, "", times=0)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=room))
    lab = provider()
    lab.start(None)
    folder = (state / "memory").resolve()
    assert (state / "memory").is_symlink() == linked
    assert folder.stat().st_mode & 0o777 == 0o700
    lab.stop()
    assert not folder.exists()
    assert not (state / "memory").is_symlink()


@pytest.mark.usefixtures("state")
def test_a_reset_keeps_the_ports_and_starts_again(monkeypatch: pytest.MonkeyPatch) -> None:
    started = failing(monkeypatch, "", times=0)
    monkeypatch.setattr(Qemu, "_load", lambda *_: None)
    monkeypatch.setattr(Qemu, "_on_both_monitors", lambda *_: None)
    monkeypatch.setattr(stored_memory, "read", lambda *_: None)
    lab = provider()
    lab.hold(LAYER)
    ports = lab.endpoints()
    started.clear()
    lab.restore()
    assert lab.endpoints() == ports
    assert all(f"{LAYER.folder}/" in line for line in started if line.startswith("qemu-img"))
    assert hubs(started) == 1
    assert all("readonly=on" in line for line in started if "mail-lab-" in line)


@pytest.mark.parametrize(("is_ours", "then"), [(True, []), (False, [f"start {LAYER.task}"])])
def test_both_run_on_from_what_was_stored(
    state: Path, monkeypatch: pytest.MonkeyPatch, is_ours: bool, then: list[str]
) -> None:
    """Or from what another checkout has stored meanwhile: their disks go on from that one's."""
    did: list[str] = []
    started = failing(monkeypatch, "", times=0)

    class Monitor:
        def __init__(self, *_: object) -> None: ...
        def __enter__(self) -> "Monitor":
            return self

        def __exit__(self, *_: object) -> None: ...
        def disk_size(self, _: str) -> int:
            return 1024

        def change_disk(self, _: str, new: Path) -> None:
            new.write_text("a new disk")
            did.append(new.name)

        def leave_shared_memory(self) -> None: ...
        def wait_migration(self, _: float) -> None: ...
        def call(self, command: str, _: object = None) -> None:
            did.append(command)

    def store(*arguments: Any) -> tuple[Layer, bool]:
        arguments[-1](state / "work")
        return LAYER, is_ours

    monkeypatch.setattr(qemu, "Monitor", Monitor)
    monkeypatch.setattr(stored_memory, "write", lambda file, stored: stored.write_text(file.name))
    monkeypatch.setattr(layers, "store", store)
    monkeypatch.setattr(Qemu, "start", lambda _, layer: did.append(f"start {layer.task}"))
    (state / "work").mkdir()
    (state / "disks").mkdir()
    for node in NODES:
        (state / "disks" / f"{node}.qcow2").write_text("a disk")
    provider().keep(Stage("1.2.1", "abc", None), None, 1.0)
    assert did[:2] == ["stop", "stop"]
    assert "mail.abc.qcow2" in did
    assert any(f"-b {layers.folder('abc')}/mail.qcow2" in line for line in started)
    assert did[did.index("cont") :] == ["cont", "cont", *then]
    assert sorted(path.name for path in (state / "work").iterdir()) == sorted(layers.FILES)
    assert (state / "work" / "mail.qcow2").read_text() == "a disk"
    assert [path.name for path in (state / "disks").glob("mail.*")] == ["mail.abc.qcow2"]


@pytest.mark.usefixtures("state")
def test_another_failure_is_not_repeated_and_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    started = failing(monkeypatch, "Could not open '/box/vmlinuz'", times=99)
    lab = provider()
    with pytest.raises(LabError, match="vmlinuz"):
        lab.start(None)
    assert hubs(started) == 1
    assert not paths.sockets().exists()
    with pytest.raises(LabError, match="not running"):
        lab.endpoints()


@pytest.mark.usefixtures("state")
def test_an_interrupt_while_both_boot_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    failing(monkeypatch, "", times=0)

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Agent, "wait", interrupted)
    with pytest.raises(KeyboardInterrupt):
        provider().start(None)
    assert not paths.sockets().exists()


def test_a_running_lab_is_found_whatever_the_environment_says(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    failing(monkeypatch, "", times=0)
    lab = provider()
    lab.start(None)
    ports = lab.endpoints()
    monkeypatch.delenv("XDG_RUNTIME_DIR")
    assert provider().endpoints() == ports
    assert (state / "sockets").readlink() == paths.sockets()


def test_the_copy_of_a_checkout_leaves_the_first_ones_lab_alone(
    state: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where it was copied with the links of a lab that is up."""
    failing(monkeypatch, "", times=0)
    provider().start(None)
    theirs = paths.sockets(), (state / "memory").resolve()
    monkeypatch.setattr(paths, "ROOT", tmp_path / "copy")
    copy = provider()
    assert not copy.running()
    copy.stop()
    assert all(folder.exists() for folder in theirs)
    copy.start(None)
    assert paths.sockets() != theirs[0]


@pytest.mark.usefixtures("state")
def test_a_folder_of_another_user_is_no_place_for_sockets(monkeypatch: pytest.MonkeyPatch) -> None:
    paths.sockets().mkdir()
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    with pytest.raises(LabError, match="belongs to another user"):
        provider().start(None)


@pytest.mark.usefixtures("state")
@pytest.mark.parametrize("text", ["", "x", "4194304", str(os.getpid())])
def test_a_stale_number_is_no_vm(text: str) -> None:
    """The file of a machine that lost its power, and perhaps a process that has the number now."""
    paths.make_sockets()
    for node in ("mail", "hub"):
        (paths.sockets() / f"{node}.pid").write_text(text)
    lab = provider()
    assert not lab.running()
    assert not lab.answers("mail")
    assert lab.resident_mib("mail") == 0.0
    with pytest.raises(Disconnected, match="The VM mail is not running"):
        lab.run("mail", ["true"])


@pytest.mark.usefixtures("state")
def test_the_orphans_of_a_killed_run_are_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    ended: list[tuple[int, str]] = []
    monkeypatch.setattr(processes, "vms", lambda argument: [7] if "mail.qcow2" in argument else [])
    monkeypatch.setattr(processes, "end", lambda pid, argument: ended.append((pid, argument)))
    lab = provider()
    lab.stop()
    assert [pid for pid, _ in ended] == [7]


STATES = [("io-error", "cannot be written"), ("paused", "killed half-way"), ("running", "in time")]


class SilentAgent:
    """Of a guest that does not answer."""

    def run(self, *_: object) -> None:
        raise Disconnected("The guest agent of mail did not answer in time.")


@pytest.mark.usefixtures("state")
@pytest.mark.parametrize(("state_of_vm", "said"), STATES)
def test_a_guest_that_was_stopped_reports_why(monkeypatch: pytest.MonkeyPatch, state_of_vm: str, said: str) -> None:
    class Monitor:
        def __init__(self, *_: object) -> None:
            self.call: Callable[[str], dict[str, str]] = lambda _: {"status": state_of_vm}

        def __enter__(self) -> "Monitor":
            return self

        def __exit__(self, *_: object) -> None:
            return

    monkeypatch.setattr(qemu, "Monitor", Monitor)
    monkeypatch.setattr(Qemu, "_agent", lambda *_: SilentAgent())
    monkeypatch.setattr(Qemu, "_pid", lambda *_: 1)
    with pytest.raises(LabError, match=said):
        provider().run("mail", ["true"])


@pytest.mark.usefixtures("state")
def test_damaged_ports_are_no_ports() -> None:
    paths.make_sockets()
    (paths.sockets() / "ports.json").write_text("{")
    with pytest.raises(LabError, match="not running"):
        provider().endpoints()
    (paths.sockets() / "ports.json").write_text(json.dumps({"hub": 1}))
    assert provider().endpoints() == {"hub": 1}
