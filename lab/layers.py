"""Layers: stored states of both VMs, in the cache, shared by all checkouts, named by the key of their content.

A layer's disks hold what changed since its parent's, so a parent stays as long as a child does.
"""

import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from lab.errors import LabError
from lab.paths import cache
from lab.provider import NODES
from lab.stages import Stage

KEEP_SECONDS = 14 * 86400.0  # a layer that nobody used for this long goes, unless a younger one stands on it


@dataclass(frozen=True)
class Layer:
    """A complete layer on disk. `seconds` is how long its stage took to apply."""

    task: str
    key: str
    parent: str | None
    box: str
    seconds: float
    folder: Path

    @property
    def bytes_on_disk(self) -> int:
        """What the layer itself occupies, without its parents."""
        return sum(path.stat().st_blocks * 512 for path in self.folder.iterdir())

    def touch(self) -> None:
        """Note that it was used."""
        os.utime(self.folder)


def _home() -> Path:
    return cache() / "layers"


def find(key: str) -> Layer | None:
    """A complete layer, or None."""
    folder = _home() / key
    try:
        known = json.loads((folder / "layer.json").read_text())
        layer = Layer(known["task"], key, known["parent"], known["box"], known["seconds"], folder)
    except (OSError, ValueError, KeyError):
        return None
    if not all((folder / f"{node}.{part}").is_file() for node in NODES for part in ("qcow2", "mem")):
        return None
    return layer


def every() -> list[Layer]:
    """All complete layers, in no order."""
    return [layer for path in _home().glob("*/layer.json") if (layer := find(path.parent.name))]


def longest_prefix(stages: list[Stage]) -> list[Layer]:
    """Layers of the first stages, as far as they are there without a gap."""
    layers = []
    for stage in stages:
        layer = find(stage.key)
        if layer is None:
            break
        layers.append(layer)
    return layers


@contextmanager
def room() -> Iterator[None]:
    """Check that there is room for a layer. Raises LabError."""
    _home().mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(_home()).free
    if free < 3 << 30:
        raise LabError(
            f"{_home()} has {free >> 20} MiB free; a layer needs up to 3 GiB.",
            "lab prune, or free some room, or point MAIL_LAB_CACHE to a larger disk.",
        )
    yield


def store(stage: Stage, parent: str | None, box: str, seconds: float, write: Callable[[Path], None]) -> Layer:
    """Store a state as a stage's layer; it appears whole or not at all.

    Args:
        stage: what the state is the result of.
        parent: key of the layer it stands on.
        box: key of the box under all of them.
        seconds: how long the stage took.
        write: writes disks and memory into the folder it is given.
    """
    with room(), tempfile.TemporaryDirectory(prefix=".storing-", dir=_home()) as scratch:
        whole = Path(scratch) / stage.key
        whole.mkdir()
        write(whole)
        about = {"task": stage.task, "parent": parent, "box": box, "seconds": round(seconds, 1), "created": time.time()}
        (whole / "layer.json").write_text(json.dumps(about, indent=1))
        os.sync()
        final = _home() / stage.key
        if find(stage.key) is None:
            shutil.rmtree(final, ignore_errors=True)
            whole.rename(final)
    layer = find(stage.key)
    if layer is None:
        raise LabError(f"The layer of {stage.task} was stored but cannot be read back from {_home()}.")
    return layer


def prune(keep: set[str], older_than: float = KEEP_SECONDS) -> list[Layer]:
    """Remove layers that nobody used for a while and that no kept layer stands on. Returns what went.

    Args:
        keep: keys that stay whatever their age.
        older_than: seconds since the last use.
    """
    layers = {layer.key: layer for layer in every()}
    now = time.time()
    needed: set[str] = set()
    for layer in layers.values():
        if layer.key in keep or now - layer.folder.stat().st_mtime < older_than:
            cursor: Layer | None = layer
            while cursor is not None and cursor.key not in needed:
                needed.add(cursor.key)
                cursor = layers.get(cursor.parent or "")
    gone = [layer for key, layer in layers.items() if key not in needed]
    for layer in gone:
        shutil.rmtree(layer.folder)
    return gone
