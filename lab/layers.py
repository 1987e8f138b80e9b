"""Layers: stored states of both VMs, in the cache, shared by all checkouts, named by the key of their content.

A layer's disks contain the changes since its parent's, so a parent stays as long as a child. A layer is void
if the parent (or box) that it was made on is gone: the same content made again has its blocks elsewhere. Layers are
also void in a cache that was moved or copied, because a disk contains the path of the one below it.
"""

import fcntl
import hashlib
import json
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from lab import box, locks, scratch, tools
from lab.box import Box
from lab.errors import LabError
from lab.nodes import NODES
from lab.paths import cache
from lab.progress import step
from lab.stages import Stage

DISK, MEMORY, STATE = PARTS = ("qcow2", "ram.zst", "state.zst")
FILES = tuple(f"{node}.{part}" for node in NODES for part in PARTS)
SCRATCH = ".storing-"  # beginning of the names of folders in which layers are made
NEEDED_GIB = 2
SCARCE_GIB = 5  # of room left, at which a person is told
KEEP_SECONDS = 14 * 86400.0  # a layer unused for so long is removed, unless a younger one needs it


@dataclass(frozen=True)
class Layer:
    """A complete layer on disk. `seconds` is how long its stage took to apply, `identity` differs for each storing.

    `storing` is how long memory and disks took to write, in seconds.
    """

    task: str
    key: str
    parent: str | None
    box: str
    seconds: float
    folder: Path
    identity: str
    storing: float = 0.0

    def used(self) -> float:
        """When it was used last, in seconds since 1970."""
        return self.folder.stat().st_mtime

    def size(self) -> int:
        """Bytes of its files."""
        return sum((self.folder / name).stat().st_size for name in FILES)

    def touch(self) -> None:
        """Note that it was used."""
        os.utime(self.folder)


def _home() -> Path:
    return cache() / "layers"


def folder(key: str) -> Path:
    """Where the layer of this key is, or would be."""
    return _home() / key


def find(key: str) -> Layer | None:
    """The layer of this key if it is complete and its parent is unchanged, else None."""
    home = folder(key)
    try:
        text = (home / "layer.json").read_bytes()
        known = json.loads(text)
        identity = hashlib.sha256(text).hexdigest()[:16]
        took, storing = known["seconds"], known.get("storing", 0.0)
        layer = Layer(known["task"], key, known["parent"], known["box"], took, home, identity, storing)
        whole = known["sizes"] == {name: (home / name).stat().st_size for name in FILES}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    stands = known.get("home") == str(_home()) and known.get("on") == _beneath(layer.parent, layer.box)
    return layer if whole and stands else None


def _beneath(parent: str | None, under: str) -> str | None:
    """Present identity of a layer's parent, or of the box."""
    if parent is None:
        return box.identity(under)
    layer = find(parent)
    return layer.identity if layer else None


def every() -> list[Layer]:
    """All complete layers, in no order."""
    return [layer for path in _home().glob("[!.]*") if (layer := find(path.name))]


def longest_prefix(stages: list[Stage], find: Callable[[str], Layer | None] = find) -> list[Layer]:
    """Layers of the first stages, as far as `find` finds them without a gap."""
    layers = []
    for stage in stages:
        layer = find(stage.key)
        if layer is None:
            break
        layers.append(layer)
    return layers


def require_room() -> None:
    """Raise LabError if there is no room for a layer."""
    _home().mkdir(parents=True, exist_ok=True)
    tools.require_room(_home(), NEEDED_GIB, "a layer", f"lab prune may help. {tools.MORE_ROOM}")


@contextmanager
def shared_lock() -> Iterator[None]:
    """Keep layers from being pruned while a lab is brought up."""
    _home().mkdir(parents=True, exist_ok=True)
    with locks.hold(_users(), fcntl.LOCK_SH):
        yield


def _users() -> Path:
    path = _home() / ".users"
    path.touch()
    return path


def note_user(note: Path) -> None:
    """Let `users` find the note that a checkout keeps of its lab while that is up."""
    known = _home() / ".labs"
    known.mkdir(parents=True, exist_ok=True)
    link = known / hashlib.sha256(str(note).encode()).hexdigest()[:16]
    if not link.is_symlink():
        link.symlink_to(note)


def users() -> list[Path]:
    """The notes of all labs that are up on layers of this cache."""
    links = list((_home() / ".labs").glob("*"))
    for link in links:
        if not link.exists():
            link.unlink(missing_ok=True)
    return [link for link in links if link.is_symlink()]


def store(
    stage: Stage, parent: Layer | None, under: Box, seconds: float, write: Callable[[Path], None]
) -> tuple[Layer, bool]:
    """Store a state as a stage's layer; it appears whole or not at all.

    Args:
        stage: what the state is the result of.
        parent: the layer below it; None for the box itself.
        under: the box under all of them.
        seconds: how long the stage took.
        write: writes disks and memory into the folder it is given.

    Returns:
        The stage's layer, and whether it is this one: another checkout may have been quicker.

    Raises:
        LabError: there is no room, or it could not be written.
    """
    require_room()
    tools.warn_of_little_room(_home(), SCARCE_GIB, "lab prune removes layers that nothing needs")
    with scratch.folder(_home(), SCRATCH) as work:
        whole = work / stage.key
        whole.mkdir()
        began = time.monotonic()
        write(whole)
        about = {
            "task": stage.task,
            "parent": parent.key if parent else None,
            "on": parent.identity if parent else under.identity,
            "box": under.key,
            "home": str(_home()),
            "seconds": round(seconds, 1),
            "storing": round(time.monotonic() - began, 1),
            "created": time.time(),
            "sizes": {name: (whole / name).stat().st_size for name in FILES},
        }
        (whole / "layer.json").write_text(json.dumps(about, indent=1))
        os.sync()
        with locks.hold(_home()):
            is_ours = find(stage.key) is None
            if is_ours:
                shutil.rmtree(folder(stage.key), ignore_errors=True)
                whole.rename(folder(stage.key))
    layer = find(stage.key)
    if layer is None:
        raise LabError(f"The layer of {stage.task} was stored but cannot be read back from {_home()}.", "lab up")
    return layer, is_ours


def chain(key: str, find: Callable[[str], Layer | None] = find) -> list[Layer]:
    """A layer with all that it stands on, itself first, as far as `find` finds them."""
    found = []
    cursor = find(key)
    while cursor is not None:
        found.append(cursor)
        cursor = find(cursor.parent) if cursor.parent else None
    return found


def prune(keep: set[str], older_than: float = KEEP_SECONDS, newest: int = 0) -> list[str]:
    """Remove layers, void ones too, that are unused for a while and that no kept layer needs.

    Returns the keys of what went. Call it inside `unused`.

    Args:
        keep: keys that stay whatever their age.
        older_than: seconds since the last use.
        newest: so many layers stay, those that were used last.
    """
    folders = {path.name: path for path in _home().glob("[!.]*") if path.is_dir()}
    layers = {layer.key: layer for layer in every()}
    now = time.time()
    needed = {key for key, path in folders.items() if key in keep or now - path.stat().st_mtime < older_than}
    needed |= {layer.key for layer in sorted(layers.values(), key=Layer.used, reverse=True)[:newest]}
    for key in tuple(needed):
        needed |= {layer.key for layer in chain(key, layers.get)}
    with locks.hold(_home()):
        scratch.sweep(_home(), SCRATCH)
    gone = folders.keys() - needed
    for key in gone:
        shutil.rmtree(folders[key])
    return sorted(gone)


@contextmanager
def exclusive_lock(wait: bool) -> Iterator[bool]:
    """Keep every lab of this cache from being brought up. Yields False if one is being brought up and not `wait`."""
    _home().mkdir(parents=True, exist_ok=True)
    with ExitStack() as held:
        try:
            held.enter_context(locks.hold(_users(), fcntl.LOCK_EX | fcntl.LOCK_NB))
        except BlockingIOError:
            if not wait:
                yield False
                return
            with step("Waiting for another lab that is being brought up"):
                held.enter_context(locks.hold(_users()))
        yield True
