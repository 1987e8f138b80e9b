import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import vagrant

from lab import identity, processes, tools, vagrant_box
from lab import vagrant as provider
from lab.agent import Agent
from lab.box import Box
from lab.errors import LabError
from lab.identity import Identity, WireGuardKeys
from lab.libvirt import LibvirtSession
from lab.nodes import NODES
from lab.stages import Stage
from lab.vagrant import Vagrant

STAGE = Stage("1.2.1", "abc", Path("task_1.2.1.yml"))


class World:
    """libvirt and Vagrant as one: machines with a state and snapshots; `did` is what was asked of them, in order."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.states: dict[str, str] = {}
        self.snapshots: dict[str, list[str]] = {}
        self.did: list[str] = []
        self.fails = ""

    # what python-vagrant is asked
    def up(self, provider: str) -> None:
        self._command(f"up {provider}")
        for node in NODES:
            self.states[node], self.snapshots[node] = "running", []
            note = self.home / "machines" / node / "libvirt" / "id"
            note.parent.mkdir(parents=True, exist_ok=True)
            note.write_text(f"uuid of {node}")

    def destroy(self) -> None:
        self._command("destroy")
        for node in NODES:
            (self.home / "machines" / node / "libvirt" / "id").unlink()
        self.states.clear()

    def snapshot_save(self, name: str) -> None:
        self._command(f"save {name} while {'/'.join(self.states[node] for node in NODES)}")
        for node in NODES:
            self.snapshots[node].append(name)

    def snapshot_restore(self, name: str) -> None:
        self._command(f"restore {name}")
        self.states = dict.fromkeys(NODES, "paused")

    def snapshot_delete(self, name: str) -> None:
        self._command(f"delete {name}")
        for node in NODES:
            self.snapshots[node].remove(name)

    def _command(self, what: str) -> None:
        self.did.append(what)
        if self.fails and what.startswith(self.fails):
            provider.LOG.write_text("Bringing machine 'mail' up\nThe box could not be found.\n")
            raise subprocess.CalledProcessError(1, "vagrant")

    # what libvirt is asked
    def ask(self, domain: str, do: str) -> object:
        node = domain.removeprefix("uuid of ")
        changes = {"suspend": "paused", "resume": "running", "end": "off", "reset": "running"}
        if do in changes:
            self.did.append(f"{do} {node}")
            self.states[node] = changes[do]
        return {"state": self.states.get(node, "off"), "snapshots": self.snapshots.get(node, [])}.get(do)

    def said(self) -> list[str]:
        did, self.did = self.did, []
        return did


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    made = World(tmp_path / "vagrant")

    @contextmanager
    def log() -> Iterator[Any]:
        yield None

    monkeypatch.setattr(provider, "HOME", made.home)
    monkeypatch.setattr(provider, "SETTINGS", made.home / "lab.json")
    monkeypatch.setattr(provider, "LOG", tmp_path / "logs" / "vagrant.log")
    monkeypatch.setattr(vagrant, "Vagrant", lambda **_: made)
    monkeypatch.setattr(vagrant, "make_file_cm", lambda _: log)
    monkeypatch.setattr(LibvirtSession, "ask", lambda _, domain, do, **__: made.ask(domain, do))
    monkeypatch.setattr(tools, "find", lambda program: program)
    monkeypatch.setattr(Agent, "wait", lambda *_: None)
    monkeypatch.setattr(identity, "ensure", lambda: Identity(tmp_path, WireGuardKeys("", ""), WireGuardKeys("", "")))
    monkeypatch.setattr(vagrant_box, "build", lambda *_: made.did.append("box"))
    monkeypatch.setattr(processes, "vms", lambda _: [])
    monkeypatch.setenv("MAIL_LAB_ACCEL", "tcg")
    return made


def lab() -> Vagrant:
    return Vagrant(lambda: Box("key", Path("/box")))


def test_without_a_layer_both_machines_are_made_from_the_box(world: World) -> None:
    made = lab()
    assert not made.running()
    made.start(None)
    assert made.running()
    assert world.said() == ["box", "up libvirt"]
    made.start(None)
    assert world.said() == ["destroy", "box", "up libvirt"], "machines of another box would stay"


def test_a_state_is_of_one_moment_and_of_both(world: World) -> None:
    made = lab()
    made.start(None)
    world.said()
    layer = made.keep(STAGE, None, 1.0)
    assert world.said() == [
        "suspend mail",
        "suspend hub",
        "save 1.2.1-abc while paused/paused",
        "resume mail",
        "resume hub",
    ]
    assert made.find("abc") == layer.__class__("1.2.1", "abc", None, "key", 0.0, layer.folder, "abc")
    world.snapshots["hub"].clear()
    assert made.find("abc") is None, "half a state is none"


def test_a_reset_returns_to_what_was_kept_last(world: World) -> None:
    made = lab()
    made.start(None)
    made.keep(STAGE, None, 1.0)
    world.said()
    lab().restore()
    assert world.said() == ["suspend mail", "suspend hub", "restore 1.2.1-abc", "resume mail", "resume hub"]


def test_machines_that_are_off_start_from_their_snapshot(world: World) -> None:
    made = lab()
    made.start(None)
    layer = made.keep(STAGE, None, 1.0)
    made.stop()
    assert not made.running()
    world.said()
    made.start(layer)
    assert world.said() == ["restore 1.2.1-abc", "resume mail", "resume hub"]


def test_what_was_kept_just_now_is_held_as_it_is(world: World) -> None:
    made = lab()
    made.start(None)
    layer = made.keep(STAGE, None, 1.0)
    world.said()
    made.hold(layer)
    assert world.said() == []
    later = lab()
    later.hold(layer)
    assert "restore 1.2.1-abc" in world.said()


def test_machines_that_libvirt_forgot_are_ended_before_others_start(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = lab()
    made.start(None)
    layer = made.keep(STAGE, None, 1.0)
    world.states.clear()
    world.said()
    monkeypatch.setattr(processes, "vms", lambda domain: [7] if "mail" in domain else [])
    monkeypatch.setattr(processes, "end", lambda pid, domain: world.did.append(f"end {pid}, {domain}"))
    made.start(layer)
    assert world.said()[:2] == ["end 7, uuid of mail", "restore 1.2.1-abc"]


def test_snapshots_that_no_plan_needs_go(world: World) -> None:
    made = lab()
    made.start(None)
    made.keep(STAGE, None, 1.0)
    made.keep(Stage("1.2.2", "old", Path("p")), None, 1.0)
    world.said()
    assert made.prune({"abc"}) == 1
    assert world.said() == ["delete 1.2.2-old"]


def test_what_vagrant_said_last_is_in_the_error(world: World) -> None:
    world.fails = "up"
    with pytest.raises(LabError, match="The box could not be found") as raised:
        lab().start(None)
    assert "lab destroy" in raised.value.hint


def test_both_run_on_if_a_state_could_not_be_kept(world: World) -> None:
    made = lab()
    made.start(None)
    world.fails = "save"
    with pytest.raises(LabError, match="Saving a snapshot by Vagrant failed"):
        made.keep(STAGE, None, 1.0)
    assert made.running()


def test_a_public_box_is_for_plain_vagrant_alone(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: dict[str, str] = {}
    monkeypatch.setenv("MAIL_LAB_VAGRANT_BOX", "somebody/trixie64")
    monkeypatch.setattr(vagrant, "Vagrant", lambda env=None, **_: seen.update(env or {}) or world)
    lab().start(None)
    assert seen["MAIL_LAB_VAGRANT_BOX"] == ""


def test_ports_stay_those_of_the_machines(world: World) -> None:
    ports = lab().endpoints()
    assert ports == lab().endpoints()
    first = json.loads((world.home / "lab.json").read_text())["port"]
    assert sorted(ports.values()) == list(range(first, first + len(ports)))


def test_a_lab_without_machines_is_reported(world: World) -> None:
    assert not lab().running()
    assert lab().find("abc") is None
    with pytest.raises(LabError, match="Vagrant has no machine mail"):
        lab().run("mail", ["true"])
    assert world.said() == []
