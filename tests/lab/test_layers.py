import fcntl
import json
import os
import threading
import time
from pathlib import Path

import pytest

from lab import layers
from lab.box import Box
from lab.errors import LabError
from lab.layers import Layer
from lab.locks import hold
from lab.stages import Stage

BOX = "0123456789abcdef"


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MAIL_LAB_CACHE", str(tmp_path))
    monkeypatch.setattr(layers, "NEEDED_GIB", 0)
    monkeypatch.setattr(os, "sync", lambda: None)
    build_box(tmp_path, "first")
    return tmp_path


def build_box(cache: Path, how: str) -> None:
    (cache / "boxes" / BOX).mkdir(parents=True, exist_ok=True)
    (cache / "boxes" / BOX / "box.json").write_text(how)


def box(cache: Path) -> Box:
    return Box(BOX, cache / "boxes" / BOX)


def write(folder: Path) -> None:
    for name in layers.FILES:
        (folder / name).write_text(name)


def store(cache: Path, key: str, parent: Layer | None) -> Layer:
    return layers.store(Stage(key, key, None), parent, box(cache), 1.0, write)[0]


def chain(cache: Path, *keys: str) -> list[Layer]:
    made: list[Layer] = []
    for key in keys:
        made.append(store(cache, key, made[-1] if made else None))
    return made


def stages(*keys: str) -> list[Stage]:
    return [Stage(key, key, None) for key in keys]


def hidden(cache: Path) -> list[Path]:
    return list((cache / "layers").glob(".storing-*"))


def age(layer: Layer, days: float) -> None:
    past = time.time() - days * 86400
    os.utime(layer.folder, (past, past))


def test_a_stored_layer_is_found_as_it_was_stored(cache: Path) -> None:
    bare, first = chain(cache, "bare", "1.2.1")
    assert layers.find("1.2.1") == first
    assert (first.parent, first.box, first.seconds) == ("bare", BOX, 1.0)
    assert sorted(layer.key for layer in layers.every()) == ["1.2.1", "bare"]
    assert bare.identity != first.identity
    assert not hidden(cache)


def test_a_store_that_is_interrupted_leaves_nothing(cache: Path) -> None:
    def interrupted(folder: Path) -> None:
        write(folder)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        layers.store(Stage("bare", "bare", None), None, box(cache), 1.0, interrupted)
    assert layers.find("bare") is None
    assert not hidden(cache)


def test_a_store_that_lacks_a_part_leaves_nothing(cache: Path) -> None:
    with pytest.raises(FileNotFoundError):
        layers.store(Stage("bare", "bare", None), None, box(cache), 1.0, lambda _: None)
    assert not hidden(cache)
    assert layers.find("bare") is None


def test_what_a_killed_run_left_goes_with_the_next_store(cache: Path) -> None:
    left = cache / "layers" / ".storing-killed"
    left.mkdir(parents=True)
    held = cache / "layers" / ".storing-lives"
    held.mkdir()
    with hold(held):
        store(cache, "bare", None)
    assert (left.exists(), held.exists()) == (False, True)


def test_who_comes_second_uses_what_the_first_stored(cache: Path) -> None:
    seconds = []

    def slower(folder: Path) -> None:
        seconds.append(store_beside())
        write(folder)

    def store_beside() -> Layer:
        stored: list[Layer] = []
        other = threading.Thread(target=lambda: stored.append(store(cache, "bare", None)))
        other.start()
        other.join()
        return stored[0]

    mine, is_mine = layers.store(Stage("bare", "bare", None), None, box(cache), 9.0, slower)
    assert (mine, is_mine) == (seconds[0], False)
    assert mine.seconds == 1.0


@pytest.mark.parametrize("part", ["mail.qcow2", "hub.ram.zst", "layer.json"])
@pytest.mark.parametrize("damage", ["gone", "cut", "longer"])
def test_a_damaged_layer_is_none(cache: Path, part: str, damage: str) -> None:
    (bare,) = chain(cache, "bare")
    file = bare.folder / part
    if damage == "gone":
        file.unlink()
    else:
        file.write_bytes(file.read_bytes()[:-1] if damage == "cut" else file.read_bytes() + b"x")
    assert layers.find("bare") is None
    assert store(cache, "bare", None).identity != bare.identity


@pytest.mark.parametrize("text", ["[]", "{}", "null", '{"sizes": 3}'])
def test_a_layer_that_reports_something_else_is_none(cache: Path, text: str) -> None:
    (bare,) = chain(cache, "bare")
    (bare.folder / "layer.json").write_text(text)
    assert layers.find("bare") is None


def test_the_layers_of_a_cache_that_was_moved_are_void(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Their disks name the ones beneath by path."""
    chain(cache, "bare")
    assert layers.find("bare")
    larger = cache.rename(cache.with_name("larger"))
    monkeypatch.setenv("MAIL_LAB_CACHE", str(larger))
    assert layers.find("bare") is None


def test_the_prefix_ends_at_a_gap(cache: Path) -> None:
    chain(cache, "bare", "a", "b", "c")
    assert [layer.key for layer in layers.longest_prefix(stages("bare", "a", "changed", "c"))] == ["bare", "a"]
    assert layers.longest_prefix(stages("other", "a")) == []


def test_a_layer_is_void_if_its_parent_was_made_again(cache: Path) -> None:
    """Its disk holds only what changed since the parent's blocks, which lie elsewhere now."""
    bare, first, _ = chain(cache, "bare", "a", "b")
    (first.folder / "mail.ram.zst").unlink()
    assert [layer.key for layer in layers.longest_prefix(stages("bare", "a", "b"))] == ["bare"]
    again = store(cache, "a", bare)
    assert layers.find("b") is None
    assert store(cache, "b", again).parent == "a"
    assert len(layers.longest_prefix(stages("bare", "a", "b"))) == 3


def test_every_layer_is_void_if_the_box_was_built_again(cache: Path) -> None:
    chain(cache, "bare", "a")
    build_box(cache, "second")
    assert layers.every() == []


def test_prune_keeps_what_is_named_or_young_with_its_parents(cache: Path) -> None:
    for layer in chain(cache, "bare", "a", "b", "c"):
        age(layer, 30)
    named = layers.find("b")
    assert named is not None
    assert layers.prune({"b"}) == ["c"]
    chain_of_another = store(cache, "d", layers.find("a"))
    assert layers.prune(set()) == ["b"]
    assert {layer.key for layer in layers.every()} == {"bare", "a", chain_of_another.key}


def test_prune_keeps_so_many_that_were_used_last_with_their_parents(cache: Path) -> None:
    for days, layer in zip((9, 30, 20, 40), chain(cache, "bare", "a", "b", "c"), strict=True):
        age(layer, days)
    assert layers.prune(set(), 0, newest=2) == ["c"]
    assert {layer.key for layer in layers.every()} == {"bare", "a", "b"}


def test_prune_removes_void_layers_when_they_are_old(cache: Path) -> None:
    _, first = chain(cache, "bare", "a")
    (first.folder / "mail.ram.zst").unlink()
    assert layers.prune(set()) == []
    age(first, 30)
    assert layers.prune(set()) == ["a"]


def test_prune_removes_what_a_killed_run_left(cache: Path) -> None:
    chain(cache, "bare")
    left = cache / "layers" / ".storing-killed"
    left.mkdir()
    assert layers.prune(set()) == []
    assert not left.exists()


def test_using_a_layer_makes_it_young(cache: Path) -> None:
    (bare,) = chain(cache, "bare")
    age(bare, 30)
    bare.touch()
    assert layers.prune(set()) == []


@pytest.mark.usefixtures("cache")
def test_nothing_is_pruned_while_another_lab_is_brought_up() -> None:
    with layers.shared_lock(), layers.exclusive_lock(wait=False) as alone:
        assert not alone
    with layers.exclusive_lock(wait=True) as alone:
        assert alone
    with layers.shared_lock(), layers.shared_lock():
        pass


def test_a_full_disk_is_reported_before_the_work(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layers, "NEEDED_GIB", 1 << 20)
    with pytest.raises(LabError, match="MiB free; a layer needs") as raised:
        layers.store(Stage("bare", "bare", None), None, box(cache), 1.0, write)
    assert "MAIL_LAB_CACHE" in raised.value.hint


def test_the_sizes_are_written_down(cache: Path) -> None:
    (bare,) = chain(cache, "bare")
    about = json.loads((bare.folder / "layer.json").read_text())
    assert about["sizes"]["hub.qcow2"] == len("hub.qcow2")
    with hold(cache / "layers", fcntl.LOCK_EX | fcntl.LOCK_NB):
        pass  # nobody keeps the lock
