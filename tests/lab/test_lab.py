import errno
import shutil
import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path

import pytest

from lab import box, box_builder, identity, inventory, lab, layers, providers, provisioning, ssh_access, stages, tools
from lab.accelerator import Accelerator
from lab.agent import Completed
from lab.box import Box
from lab.errors import LabError, UsageError
from lab.identity import Identity, WireGuardKeys
from lab.lab import Lab
from lab.layers import Layer
from lab.provisioning import Play
from lab.stages import Stage


class FakeVms:
    """A provider that writes down what it did; `fails` maps a doing to the error that it raises, once.

    `applied` maps a task to what happens while it is applied.
    """

    name = "qemu"
    identity = "a machine"

    def __init__(self, built: Callable[[], Box]) -> None:
        self._built = built
        self.did: list[str] = []
        self.fails: dict[str, BaseException] = {}
        self.applied: dict[str, Callable[[], None]] = {}
        self.lives = False

    @property
    def box(self) -> Box:
        return self._built()

    @property
    def accelerator(self) -> Accelerator:
        return Accelerator("tcg", "slow")

    def _do(self, what: str) -> None:
        self.did.append(what)
        if what in self.fails:
            raise self.fails.pop(what)

    def find(self, key: str) -> Layer | None:
        return layers.find(key)

    def start(self, layer: Layer | None) -> None:
        self._do(f"start {layer.key if layer else 'box'}")
        self.lives = True

    def keep(self, stage: Stage, parent: Layer | None, seconds: float) -> Layer:
        return layers.store(stage, parent, self.box, seconds, self._store)[0]

    def set_up(self, identity: Identity, values: Mapping[str, str]) -> None:
        del identity, values

    def prune(self, keep: Collection[str]) -> int:
        self.kept = set(keep)
        return 0

    def destroy(self) -> None:
        self.stop()

    def power_cycle(self, node: str) -> None:
        self._do(f"power cycle {node}")

    def stop(self) -> None:
        self._do("stop")
        self.lives = False

    def running(self) -> bool:
        return self.lives

    def answers(self, _: str) -> bool:
        return self.lives

    def _store(self, folder: Path) -> None:
        self._do("store")
        for name in layers.FILES:
            (folder / name).write_text(name)

    def release_memory(self) -> None:
        self._do("release")

    def hold(self, layer: Layer) -> None:
        self._do(f"hold {layer.key}")
        self.lives = True

    def restore(self) -> None:
        self._do("restore")

    def run(self, node: str, argv: Sequence[str], stdin: bytes = b"", timeout: float = 60.0) -> Completed:
        del stdin, timeout
        self._do(f"run {argv[0]}")
        if argv[:2] == ("systemctl", "list-units"):
            return Completed(0, b"", b"")
        return Completed(0, f"key of {node}\n".encode(), b"")

    def endpoints(self) -> Mapping[str, int]:
        return {"hub": 1, "vpn": 2, "public": 3, "fresh": 4}

    def resident_mib(self, _: str) -> float:
        return 7.0

    def serial_log(self, node: str) -> Path:
        return Path(f"/nowhere/{node}.log")

    def said(self) -> list[str]:
        """What it did since it was asked last, without looking into guests."""
        did, self.did = self.did, []
        return [what for what in did if not what.startswith("run ")]


class World:
    """A checkout with the tasks 1.2.1 and 1.2.2; `version` is the content of the second, `broken` a task that fails."""

    def __init__(self) -> None:
        self.vms: FakeVms | None = None
        self.version = "1"
        self.broken: str | None = None
        self.builds = 0

    def lab(self) -> tuple[Lab, FakeVms]:
        vms = self.make()
        return Lab(vms), vms

    def make(self) -> FakeVms:
        lives = self.vms is not None and self.vms.lives
        self.vms = FakeVms(box_builder.build)
        self.vms.lives = lives
        return self.vms

    def plan(self, *_: object) -> list[Stage]:
        ids = {"bare": "bare", "1.2.1": "first", "1.2.2": f"second-{self.version}"}
        return [Stage(task, key, Path(f"task_{task}.yml")) for task, key in ids.items()]

    def apply(self, playbooks: Sequence[Path], *_: object) -> Play:
        (playbook,) = playbooks
        assert self.vms is not None
        task = playbook.stem.removeprefix("task_")
        self.vms._do(f"apply {task}")
        self.vms.applied.get(task, lambda: None)()
        status = 2 if self.broken and self.broken in playbook.name else 0
        return Play(status, 1, 1, status, (), "fatal: [mail]: FAILED!\n" if status else "fine\n")


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    world = World()
    state = tmp_path / "checkout" / ".lab"

    def built() -> Box:
        world.builds += 1
        folder = tmp_path / "cache" / "boxes" / "key"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "box.json").write_text('{"sizes": {}}')
        return Box("key", folder)

    monkeypatch.setenv("MAIL_LAB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(providers, "make", lambda _: world.vms)
    monkeypatch.setattr(providers, "STATE", state)
    monkeypatch.setattr(lab, "STATE", state)
    monkeypatch.setattr(lab, "RUN_FILE", state / "run.json")
    monkeypatch.setattr(box_builder, "build", built)
    monkeypatch.setattr(box, "key", lambda *_: "key")
    monkeypatch.setattr(box, "PARTS", ("box.json",))
    monkeypatch.setattr(tools, "require_room", lambda *_: None)
    keys = Identity(Path("/key"), WireGuardKeys("", ""), WireGuardKeys("", ""))
    monkeypatch.setattr(Identity, "fingerprint", "all keys")
    monkeypatch.setattr(identity, "ensure", lambda: keys)
    monkeypatch.setattr(inventory, "variables", dict)
    monkeypatch.setattr(ssh_access, "write", lambda *_: None)
    monkeypatch.setattr(ssh_access, "require_plain_paths", lambda: None)
    monkeypatch.setattr(stages, "plan", world.plan)
    monkeypatch.setattr(stages, "tasks", lambda: ["1.2.1", "1.2.2"])
    monkeypatch.setattr(provisioning, "apply", world.apply)
    return world


FROM_BOX = [
    *("start box", "release", "store"),
    *("apply 1.2.1", "release", "store"),
    *("apply 1.2.2", "store"),
]


def test_the_first_time_everything_is_made_and_kept(world: World) -> None:
    made, vms = world.lab()
    made.up()
    assert vms.said() == [*FROM_BOX, "hold second-1"]
    assert made.running()
    status = made.status()
    assert (status.task, status.layer, status.accelerator) == ("1.2.2", "second-1", "tcg")
    assert {layer.key for layer in layers.every()} == {"bare", "first", "second-1"}


def test_a_lab_reports_what_it_is_made_from(world: World) -> None:
    made, _ = world.lab()
    assert made.origin() == {}
    made.up()
    layer = layers.find(made.status().layer or "")
    assert layer is not None
    known = {"provider": "qemu", "accelerator": "tcg", "box": layer.box, "layer": layer.key, "task": layer.task}
    assert made.origin() == known


def test_a_lab_that_is_there_is_left_alone(world: World) -> None:
    world.lab()[0].up()
    made, vms = world.lab()
    made.up()
    assert vms.said() == []


def test_what_was_kept_is_restored_and_only_what_changed_is_applied(world: World) -> None:
    world.lab()[0].up()
    world.version = "2"
    made, vms = world.lab()
    made.up()
    assert vms.said() == ["start first", "apply 1.2.2", "store", "hold second-2"]
    made.up("1.2.1")
    assert vms.said() == ["hold first"]
    assert made.status().task == "1.2.1"


def test_a_vm_that_was_killed_is_restored(world: World) -> None:
    made, vms = world.lab()
    made.up()
    vms.said()
    vms.lives = False
    assert not made.running()
    made.up()
    assert vms.said() == ["hold second-1"]


def test_a_runner_that_was_killed_half_way_goes_on_from_the_last_layer(world: World) -> None:
    made, vms = world.lab()
    vms.fails["apply 1.2.2"] = SystemError("as if killed")
    with pytest.raises(SystemError):
        made.up()
    vms.said()
    made.up()
    assert vms.said() == ["start first", "apply 1.2.2", "store", "hold second-1"]


@pytest.mark.parametrize("at", ["start box", "store", "apply 1.2.1", "hold second-1"])
def test_an_interrupt_leaves_no_vm_and_no_note(world: World, at: str) -> None:
    made, vms = world.lab()
    vms.fails[at] = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        made.up()
    assert vms.said()[-1] == "stop"
    assert not vms.lives
    assert not made.running()
    made.up()
    assert made.status().task == "1.2.2"


def test_a_playbook_that_fails_leaves_the_vms_to_look_at(world: World) -> None:
    world.broken = "1.2.2"
    made, vms = world.lab()
    with pytest.raises(LabError, match=r"Provisioning of 1\.2\.2 failed\.\n  \| fatal: \[mail\]") as raised:
        made.up()
    assert "provision-1.2.2.log" in raised.value.hint
    assert vms.lives
    assert not made.running()


def test_an_unknown_task_is_refused_before_any_work(world: World) -> None:
    with pytest.raises(UsageError, match=r"no task 3\.1\.1"):
        world.lab()[0].up("3.1.1")
    assert world.builds == 0


def test_a_full_disk_is_a_lab_error(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(ssh_access, "write", full)
    with pytest.raises(LabError, match="No space left on device") as raised:
        world.lab()[0].up()
    assert raised.value.hint == tools.MORE_ROOM


def test_commands_for_a_lab_that_does_not_run_build_nothing(world: World) -> None:
    made, vms = world.lab()
    with pytest.raises(LabError, match="not running"):
        made.reset()
    assert not made.status().running
    made.down()
    made.destroy()
    made.destroy()
    assert set(vms.said()) == {"stop"}
    assert world.builds == 0


def test_reset_returns_to_where_up_left_it(world: World) -> None:
    made, vms = world.lab()
    made.up()
    vms.said()
    made.reset()
    assert vms.said() == ["restore"]


def test_who_waits_while_a_lab_is_destroyed_gets_the_lock_of_the_next(world: World, tmp_path: Path) -> None:
    made, vms = world.lab()
    made.up()
    entered = threading.Event()

    def other() -> None:
        with Lab(FakeVms(box_builder.build))._alone():
            assert (tmp_path / "checkout" / ".lab" / "lock").exists()
            entered.set()

    thread = threading.Thread(target=other)
    with made._alone():
        thread.start()
        assert not entered.wait(0.2)
        shutil.rmtree(tmp_path / "checkout" / ".lab")
    assert entered.wait(5.0)
    thread.join()
    del vms


def test_destroy_leaves_the_cache(world: World, tmp_path: Path) -> None:
    made, _ = world.lab()
    made.up()
    made.destroy()
    assert not (tmp_path / "checkout" / ".lab").exists()
    assert len(layers.every()) == 3


def test_prune_keeps_what_the_plan_of_today_needs(world: World) -> None:
    world.lab()[0].up()
    world.version = "2"
    made, _ = world.lab()
    made.up()
    assert made.prune() == (1, 0)
    assert {layer.key for layer in layers.every()} == {"bare", "first", "second-2"}


def test_prune_keeps_what_the_lab_of_another_checkout_stands_on(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.lab()[0].up()
    world.version = "2"
    monkeypatch.setattr(lab, "RUN_FILE", tmp_path / "checkout" / ".lab" / "run-of-another.json")
    made, _ = world.lab()
    made.up()
    assert made.prune() == (0, 0)
    (tmp_path / "checkout" / ".lab" / "run.json").unlink()
    assert made.prune() == (1, 0)


def test_prune_builds_no_box(world: World, tmp_path: Path) -> None:
    """Where the recipe changed and the disk is full, it makes room."""
    world.lab()[0].up()
    world.lab()[0].down()
    shutil.rmtree(tmp_path / "cache" / "boxes")
    builds = world.builds
    made, _ = world.lab()
    assert made.prune() == (3, 0)
    assert world.builds == builds


def test_what_changed_while_it_was_applied_is_not_stored(world: World) -> None:
    """Else another checkout would restore it as what it is not."""
    made, vms = world.lab()
    vms.applied["1.2.2"] = lambda: setattr(world, "version", "2")
    with pytest.raises(LabError, match=r"1\.2\.2 is made from was changed"):
        made.up()
    assert {layer.key for layer in layers.every()} == {"bare", "first"}
    assert not vms.lives


@pytest.mark.parametrize("text", ["", "[]", "{"])
def test_a_damaged_note_is_no_note(world: World, tmp_path: Path, text: str) -> None:
    made, vms = world.lab()
    made.up()
    (tmp_path / "checkout" / ".lab" / "run.json").write_text(text)
    assert not made.running()
    vms.said()
    made.up()
    assert vms.said() == ["hold second-1"]


def test_two_commands_on_one_lab_wait_for_each_other(world: World) -> None:
    made, _ = world.lab()
    entered = threading.Event()

    def other() -> None:
        with Lab(FakeVms(box_builder.build))._alone():
            entered.set()

    thread = threading.Thread(target=other)
    with made._alone():
        thread.start()
        assert not entered.wait(0.2)
    assert entered.wait(5.0)
    thread.join()


def test_a_reboot_returns_from_the_new_boot(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    made, vms = world.lab()
    ids = iter(["old", "old", "new"])

    def run(_: str, argv: Sequence[str], *__: object, **___: object) -> Completed:
        return Completed(0, next(ids).encode() if argv[0] == "cat" else b"", b"")

    monkeypatch.setattr(vms, "run", run)
    made.reboot("mail", timeout=5.0)
    assert list(ids) == []


def test_a_reboot_that_never_ends_reports_what_was_seen_last(world: World) -> None:
    made, _ = world.lab()
    with pytest.raises(LabError, match="mail to come back from a reboot"):
        made.reboot("mail", timeout=0.1)


def test_collecting_goes_on_if_a_look_fails(world: World, tmp_path: Path) -> None:
    made, vms = world.lab()
    vms.fails = {"run journalctl": LabError("mail does not answer."), "run ss": TimeoutError("ss was not done")}
    made.collect(tmp_path / "evidence")
    assert "does not answer" in (tmp_path / "evidence" / "mail-journal.txt").read_text()
    assert "not done" in (tmp_path / "evidence" / "mail-sockets.txt").read_text()
    assert (tmp_path / "evidence" / "hub-nft.txt").read_text() == "key of hub\n"
