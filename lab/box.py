"""The box: images of a fresh Debian 13 server and of the hub, built from packages without root.

A box is a folder in the cache, named by the hash of all that it is made from:
`mail.img`, `hub.img` (ext4, sparse), `vmlinuz`, `initrd.img` and `box.json` (versions of every package).
"""

import hashlib
import json
import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from lab import database_image, package_lock
from lab.errors import LabError
from lab.paths import INVENTORY, cache

RECIPE = Path(__file__).parent / "recipe"
PACKAGES = INVENTORY / "group_vars" / "all" / "packages.yml"
SUITE = "trixie"
DISK_GIB = {"mail": 80, "hub": 8}  # the plan of the production host has 80 GB
OPTIONS = (
    "--mode=auto",
    "--variant=important",
    '--aptopt=Acquire::Retries "3"',
    "--dpkgopt=path-exclude=/usr/share/man/*",
    "--dpkgopt=path-exclude=/usr/share/doc/*",
    "--dpkgopt=path-include=/usr/share/doc/*/copyright",
    "--dpkgopt=path-exclude=/usr/share/locale/*",
)
# $1 tar, $2 folder to unpack in, $3 image, $4 size, $5 label
FILESYSTEM = """\
mkdir "$2"
tar --extract --numeric-owner --xattrs --xattrs-include='*' --file "$1" --directory "$2"
mke2fs -q -t ext4 -L "$5" -i 131072 -E lazy_itable_init=0,lazy_journal_init=0,nodiscard -d "$2" "$3" "$4"
fallocate --dig-holes "$3"
rm -rf "$2"
"""
BUILDERS = (Path(__file__).with_name("box_builder.py"), Path(database_image.__file__))
PARTS = ("mail.img", "hub.img", "vmlinuz", "initrd.img", "box.json")


@dataclass(frozen=True)
class Box:
    """A complete box on disk."""

    key: str
    folder: Path

    def image(self, node: str) -> Path:
        """Root file system of a node."""
        return self.folder / f"{node}.img"

    @property
    def identity(self) -> str:
        """Differs between two builds of the same recipe, whose blocks differ too."""
        return identity(self.key) or ""

    @property
    def kernel(self) -> Path:
        """Kernel of both nodes."""
        return self.folder / "vmlinuz"

    @property
    def initrd(self) -> Path:
        """Initial RAM disk that belongs to the kernel."""
        return self.folder / "initrd.img"


def archive_packages() -> list[str]:
    """Packages in the archive of the mail image: what the provisioning installs, and what scenarios start."""
    lists = yaml.safe_load(PACKAGES.read_text())["packages"]
    started = yaml.safe_load((RECIPE / "packages.yml").read_text())["archive"]
    return sorted({name for names in lists.values() for name in names} | {*started})


def key(lock: Path | None = None) -> str:
    """Hash of all that a box is made from: recipe, package lists, the code that builds it, a lock if given."""
    settings = (
        SUITE,
        DISK_GIB,
        OPTIONS,
        FILESYSTEM,
        archive_packages(),
        database_image.name(),
        database_image.archive(),
    )
    digest = hashlib.sha256(repr(settings).encode())
    for module in BUILDERS:
        digest.update(b"\0" + module.read_bytes())
    for path in sorted(p for p in RECIPE.rglob("*") if p.is_file()):
        digest.update(f"\0{path.relative_to(RECIPE)}\0{path.stat().st_mode & 0o111}\0".encode())
        digest.update(path.read_bytes())
    if lock := package_lock.given(lock):
        digest.update(b"\0lock\0" + package_lock.read(lock))
    return digest.hexdigest()[:16]


def home() -> Path:
    """The folder of all boxes."""
    return cache() / "boxes"


def identity(box: str) -> str | None:
    """Identity of the box with this key, or None."""
    try:
        return hashlib.sha256((home() / box / "box.json").read_bytes()).hexdigest()[:16]
    except OSError:
        return None


def find(lock: Path | None = None) -> Box | None:
    """The box of today's recipe, if it is built. Raises LabError if it is damaged."""
    folder = home() / key(lock)
    if not folder.exists():
        return None
    damaged = _damaged(folder)
    if damaged:
        raise LabError(f"The box {folder} is damaged: {', '.join(damaged)}.", f"rm -r {folder}, then run again")
    return Box(folder.name, folder)


def _damaged(folder: Path) -> list[str]:
    try:
        sizes: Mapping[str, int] = json.loads((folder / "box.json").read_text())["sizes"]
    except (OSError, ValueError, KeyError, TypeError):
        return ["box.json"]
    files = {part: folder / part for part in PARTS if part != "box.json"}
    return [part for part, file in files.items() if not file.is_file() or file.stat().st_size != sizes.get(part)]


def prune(keep: set[str], older_than: float) -> list[str]:
    """Remove boxes that no layer needs. Returns the keys of the removed ones.

    Args:
        keep: keys of boxes that are in use.
        older_than: seconds since it was built.
    """
    folders = (path for path in home().glob("[!.]*") if path.is_dir())
    old = (folder for folder in folders if time.time() - folder.stat().st_mtime > older_than)
    gone = [folder for folder in old if folder.name not in keep]
    for folder in gone:
        shutil.rmtree(folder)
    return [folder.name for folder in gone]
