"""The reference: where it is kept, when it is taken, and that a bare Python can take it."""

import base64
import gzip
import json
import os
import stat
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from lab import stages
from lab.errors import LabError
from proof.hosts import target as targets
from proof.hosts.target import LAB
from proof.whole_host import reference
from proof.whole_host.reference import Change
from tests.fakes import Done, FakeLab

LAST = stages.tasks()[-1]
TAKEN = {"files": {"/etc/motd": "as shipped"}}


class Guest(FakeLab):
    """A lab whose mail gives this snapshot; `task` is where it was brought to."""

    def __init__(self, task: str = LAST, layer: str = "one", status: int = 0) -> None:
        super().__init__()
        self.known = {"task": task, "layer": layer}
        self.status = status
        self.stdin = b""

    def origin(self) -> dict[str, str]:
        return self.known

    def exec(self, node: str, argv: Sequence[str], stdin: bytes = b"", timeout: float = 60.0) -> Done:
        del timeout
        self.did.append(f"{node}: {' '.join(argv)}")
        self.stdin = stdin
        return Done(self.status, base64.b64encode(gzip.compress(json.dumps(TAKEN).encode())), b"no room")


@pytest.fixture(autouse=True)
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "references"
    for function in (reference.key, reference.path_of):
        monkeypatch.setattr(function, "__defaults__", (*(function.__defaults__ or ())[:-1], folder))
    return folder


def test_the_reference_is_taken_once_a_layer_from_a_freshly_reset_lab() -> None:
    assert reference.read(LAST) is None
    lab = Guest()
    reference.require(lab)
    assert lab.did == ["reset", "mail: python3 -I -"]
    assert reference.read_newest() == reference.Reference(LAST, "one", TAKEN)
    again = Guest()
    reference.require(again)
    assert again.did == []
    other = Guest(layer="two")
    reference.require(other)
    assert other.did[0] == "reset"


def test_each_task_has_its_own_reference_and_the_bare_lab_none() -> None:
    reference.require(Guest(task="1.2.1"))
    assert reference.read("1.2.1") is not None
    assert reference.read_newest() is None
    lab = Guest(task=stages.BARE)
    reference.require(lab)
    assert lab.did == []


def test_a_snapshot_that_cannot_be_taken_breaks_the_lab() -> None:
    with pytest.raises(LabError, match="No snapshot of mail could be taken: no room"):
        reference.require(Guest(status=1))


def test_the_key_of_the_digests_is_made_once_and_is_in_no_argument(kept: Path) -> None:
    lab = Guest()
    reference.require(lab)
    key = reference.key()
    assert stat.S_IMODE((kept / "key").stat().st_mode) == 0o600
    assert reference.key() == key
    assert key.encode() in lab.stdin
    assert not any(key in command for command in lab.did)
    assert key not in reference.path_of(LAST).read_text()


def test_the_references_of_earlier_provisionings_go_in_time(kept: Path) -> None:
    kept.mkdir()
    old = [kept / f"a-b-{number}-{LAST}.json" for number in range(reference.KEPT)]
    other = kept / "a-b-c-1.2.1.json"
    other.touch()
    for age, path in enumerate(old):
        path.touch()
        os.utime(path, (1000 - age, 1000 - age))
    reference.require(Guest())
    assert [path.exists() for path in old] == [True] * (reference.KEPT - 1) + [False]
    assert other.exists()


def test_the_hosts_of_two_provisionings_are_compared_if_both_are_known() -> None:
    earlier = dict.fromkeys(reference.MADE_FROM, "earlier")
    assert reference.changed_since(earlier) is None
    reference.require(Guest())
    today = reference.read_newest()
    assert today is not None
    taken = {"files": {**TAKEN["files"], "/etc/old": "x"}}
    reference.path_of(LAST, earlier).write_text(json.dumps({"task": LAST, "layer": "old", "taken": taken}))
    assert reference.changed_since(earlier) == Change(("files: gone: /etc/old  x",), None)
    reference.path_of(LAST, earlier).write_text(json.dumps({"task": LAST, "layer": "old", "taken": TAKEN}))
    assert reference.changed_since(earlier) == Change((), frozenset())


def test_a_damaged_reference_is_none(kept: Path) -> None:
    reference.require(Guest())
    reference.path_of(LAST).write_text("{")
    assert reference.read(LAST) is None
    assert kept.is_dir()


def test_a_bare_python_can_run_the_program() -> None:
    target = targets.load(LAB)
    text = reference.program(reference.settings(target, reference.left_out(target)))
    without = text.replace("snapshot.take(SETTINGS)", "sorted(SETTINGS)")
    done = subprocess.run([sys.executable, "-I", "-"], input=without.encode(), capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    assert json.loads(gzip.decompress(base64.b64decode(done.stdout)))[0] == "key"


def test_what_is_of_the_target_alone_is_named() -> None:
    target = targets.load(LAB)
    settings = reference.settings(target, [])
    assert [target.text("public_address"), "public_address"] in settings["values"]
    assert [f"{target.text('postgres_home')}/.env", r"^POSTGRES_PASSWORD=.*$"] in settings["masked"]
