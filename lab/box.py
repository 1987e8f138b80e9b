"""The box: images of a fresh Debian 13 server and of the hub, built from packages without root.

A box is a folder in the cache, named by the hash of all that it is made from:
`mail.img`, `hub.img` (ext4, sparse), `vmlinuz`, `initrd.img` and `box.json` (versions of every package).
"""

import hashlib
import json
import os
import shutil
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import yaml

from lab import tools
from lab.errors import LabError
from lab.paths import INVENTORY, cache
from lab.progress import step

RECIPE = Path(__file__).parent / "recipe"
PACKAGES = INVENTORY / "group_vars" / "all" / "packages.yml"
SUITE = "trixie"
DISK_GIB = {"mail": 80, "hub": 8}  # the plan of the production host has 80 GB
NODES = ("mail", "hub")
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
    def kernel(self) -> Path:
        """Kernel of both nodes."""
        return self.folder / "vmlinuz"

    @property
    def initrd(self) -> Path:
        """Initial RAM disk that belongs to the kernel."""
        return self.folder / "initrd.img"


def _archive_packages() -> list[str]:
    lists = yaml.safe_load(PACKAGES.read_text())["packages"]
    return sorted({name for names in lists.values() for name in names})


def key(lock: Path | None = None) -> str:
    """Hash of all that a box is made from: recipe, package lists, disk sizes and, where given, the lock."""
    digest = hashlib.sha256(repr((SUITE, DISK_GIB, OPTIONS, FILESYSTEM, _archive_packages())).encode())
    for path in sorted(p for p in RECIPE.rglob("*") if p.is_file()):
        digest.update(f"\0{path.relative_to(RECIPE)}\0{path.stat().st_mode & 0o111}\0".encode())
        digest.update(path.read_bytes())
    if lock is not None:
        digest.update(b"\0lock\0" + lock.read_bytes())
    return digest.hexdigest()[:16]


def find(lock: Path | None = None) -> Box | None:
    """The box of today's recipe where it is built and whole."""
    folder = cache() / "boxes" / key(lock)
    if not (folder / "box.json").is_file():
        return None
    missing = [part for part in PARTS if not (folder / part).is_file()]
    sizes = json.loads((folder / "box.json").read_text())["sizes"]
    wrong = [part for part, size in sizes.items() if part not in missing and (folder / part).stat().st_size != size]
    if missing or wrong:
        raise LabError(f"The box {folder} is damaged: {', '.join(missing + wrong)}.", f"rm -r {folder}, then run again")
    return Box(folder.name, folder)


def prune(keep: set[str]) -> list[str]:
    """Remove boxes that nothing stands on. Returns the keys of those that went.

    Args:
        keep: keys of boxes that are in use.
    """
    gone = [path for path in (cache() / "boxes").glob("*") if path.name not in keep and (path / "box.json").exists()]
    for folder in gone:
        shutil.rmtree(folder)
    return [folder.name for folder in gone]


def build(lock: Path | None = None) -> Box:
    """Build the box where it is missing.

    Args:
        lock: JSON as in `box.json` ("packages": node -> package -> version); these versions are used.

    Raises:
        LabError: a tool is missing, the packages cannot be had, or the disk is full.
    """
    if box := find(lock):
        return box
    boxes = cache() / "boxes"
    boxes.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(boxes).free
    if free < 6 << 30:
        raise LabError(
            f"{boxes} has {free >> 30} GiB free; a box and its layers need 6 GiB.",
            "Free some room, or point MAIL_LAB_CACHE to a larger disk.",
        )
    with tempfile.TemporaryDirectory(prefix=".building-", dir=boxes) as scratch:
        work = Path(scratch)
        work.chmod(0o755)  # the mapped users of an unprivileged build look into it
        with step("Build the box: two Debian 13 images", expected=150), ThreadPoolExecutor(2) as pool:
            versions = dict(zip(NODES, pool.map(lambda node: _image(node, work, lock), NODES), strict=True))
        sizes = {part: (work / part).stat().st_size for part in PARTS if part != "box.json"}
        (work / "box.json").write_text(json.dumps({"suite": SUITE, "sizes": sizes, "packages": versions}, indent=1))
        whole = work / "whole"
        whole.mkdir()
        for part in PARTS:
            (work / part).rename(whole / part)
        os.sync()
        final = boxes / key(lock)
        shutil.rmtree(final, ignore_errors=True)
        whole.rename(final)
    return Box(final.name, final)


def _preferences(node: str, lock: Path | None) -> str:
    if lock is None:
        return ""
    pins = json.loads(lock.read_text())["packages"][node]
    return "\n".join(f"Package: {name}\nPin: version {version}\nPin-Priority: 1001\n" for name, version in pins.items())


def _image(node: str, work: Path, lock: Path | None) -> dict[str, str]:
    """Build one image into the folder `work`. Returns package -> version."""
    recipe = yaml.safe_load((RECIPE / "packages.yml").read_text())
    log = work / f"{node}.log"
    tree = work / f"{node}.tar"
    preferences = work / f"{node}.pref"
    preferences.write_text(_preferences(node, lock))
    manifest = work / f"{node}.manifest"
    environment = {**os.environ, "ARCHIVE_PACKAGES": " ".join(_archive_packages())}
    setup: list[str] = []
    if lock is not None:
        pins = "$1/etc/apt/preferences.d"
        setup = [f"--setup-hook=mkdir -p {pins}", f"--setup-hook=upload {preferences} /etc/apt/preferences.d/lock.pref"]
    tools.run(
        [
            "mmdebstrap",
            *OPTIONS,
            f"--include={','.join(recipe['common'] + recipe[node])}",
            *setup,
            f"--customize-hook=copy-in {RECIPE} /",  # an unprivileged build may not look into the user's folders
            "--customize-hook=bash $1/recipe/common.sh $1",
            f"--customize-hook=bash $1/recipe/{node}.sh $1",
            "--customize-hook=chroot $1 dpkg-query --show > $1/recipe/manifest",
            f"--customize-hook=download /recipe/manifest {manifest}",
            "--customize-hook=rm -rf $1/recipe $1/etc/apt/preferences.d/lock.pref",
            f"--customize-hook=download /vmlinuz {work}/{node}.vmlinuz",
            f"--customize-hook=download /initrd.img {work}/{node}.initrd",
            SUITE,
            tree,
        ],
        f"Building the image of {node}",
        env=environment,
        log=log,
        cure="Is the package mirror reachable? (`lab doctor` looks)",
    )
    _filesystem(node, tree, work, log)
    tree.unlink()
    if node == "mail":
        (work / "mail.vmlinuz").rename(work / "vmlinuz")
        (work / "mail.initrd").rename(work / "initrd.img")
    pairs = (line.split("\t", 1) for line in manifest.read_text().splitlines())
    return dict(pairs)


def _filesystem(node: str, tree: Path, work: Path, log: Path) -> None:
    """Turn a tar of the root into a sparse ext4 image, with the right owners, as root or as an ordinary user."""
    image, root = f"{node}.img", f"{node}.root"
    inside = ["sh", "-euc", FILESYSTEM, "sh", tree.name, root, image, f"{DISK_GIB[node]}G", node]
    if os.geteuid() == 0:
        tools.run(inside, f"Writing the file system of {node}", log=log, cwd=work)
        return
    # Names are relative to the folder it starts in: mapped users may not pass through the folders above.
    # They may not make device nodes either, which the kernel provides.
    mapped = ["mmdebstrap", "--unshare-helper"]
    environment = {**os.environ, "TAR_OPTIONS": "--exclude=./dev/?*"}
    (work / image).touch()
    (work / image).chmod(0o666)
    work.chmod(0o777)
    try:
        tools.run([*mapped, *inside], f"Writing the file system of {node}", env=environment, log=log, cwd=work)
    finally:
        tools.run([*mapped, "rm", "-rf", root], f"Removing the tree of {node}", cwd=work)
        (work / image).chmod(0o644)
