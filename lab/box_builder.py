"""Builds a box: mmdebstrap makes a tree from packages, mke2fs an image from a tree; neither needs root."""

import json
import os
import shlex
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import yaml

from lab import box, database_image, locks, package_lock, scratch, tools
from lab.box import Box
from lab.errors import LabError
from lab.package_lock import Versions
from lab.parallel import on_both
from lab.progress import step

# $1 root of the image: name and version of every package in its archive, if it has one.
ARCHIVED = """\
find "$1"/srv -name '*.deb' -exec dpkg-deb --show --showformat '${Package}\\t${Version}\\n' {} \\; >"$1"/recipe/archived
"""
# $@ a command that, like mmdebstrap, waits for its children: all of them end with this shell.
WITH_CHILDREN = """\
trap 'trap : TERM; kill -TERM 0; wait' TERM
"$@" &
wait $!
"""
MAPPED = ("mmdebstrap", "--unshare-helper")  # root of a user namespace: what an ordinary user's builds belong to
NEEDED_GIB = 6


def build(lock: Path | None = None) -> Box:
    """Build the box if it is missing.

    Args:
        lock: JSON as in `box.json` ("packages": node -> package -> version); these versions are used. None for the
            lock of the checkout, if it has one.

    Raises:
        LabError: a tool is missing, the packages cannot be downloaded, or the disk is full.
    """
    if found := box.find(lock):
        return found
    key = box.key(lock)
    box.home().mkdir(parents=True, exist_ok=True)
    with scratch.folder(box.home(), ".building-", _remove) as work, _umask(0o022):
        tools.require_room(box.home(), NEEDED_GIB, "a box with its layers")
        with step("Build the box: two Debian 13 images and a container's", expected=150):
            versions = on_both(lambda node: _image(node, work, package_lock.given(lock)), tools.end_all)
        packages = {name: installed for node in versions.values() for name, installed in node.items()}
        if given := package_lock.given(lock):
            package_lock.compare(given, packages)
        if box.key(lock) != key:
            raise LabError("An input of the box changed during the build.", "Run it again.")
        sizes = {part: (work / part).stat().st_size for part in box.PARTS if part != "box.json"}
        about = {"suite": box.SUITE, "created": time.time(), "sizes": sizes, "packages": packages}
        (work / "box.json").write_text(json.dumps(about, indent=1))
        whole = work / "whole"
        whole.mkdir()
        for part in box.PARTS:
            (work / part).rename(whole / part)
        os.sync()
        with locks.hold(box.home()):
            final = box.home() / key
            if not final.exists():
                whole.rename(final)
    return Box(final.name, final)


@contextmanager
def _umask(mask: int) -> Iterator[None]:
    """Create files with this umask instead of the user's."""
    before = os.umask(mask)
    try:
        yield
    finally:
        os.umask(before)


def _remove(work: Path) -> None:
    """Remove the folder of a build, with the files that belong to an ordinary user's subordinate users."""
    for tree in work.glob("*.root") if os.geteuid() != 0 else ():
        tools.run([*MAPPED, "rm", "-rf", tree.name], "Removing a half-made tree", cwd=work)
    shutil.rmtree(work)


def _image(node: str, work: Path, lock: Path | None) -> Versions:
    """Build one image into the folder `work`. Returns node -> package -> version, for mail what it carries too."""
    packages = _packages()
    log, tree = work / f"{node}.log", work / f"{node}.tar"
    carried, more = _container(work, lock) if node == "mail" else ([], {})
    _mmdebstrap(
        [
            *box.OPTIONS,
            f"--include={','.join(packages['common'] + packages[node])}",
            *_bind(node, work, lock),
            # Special hooks, because an unprivileged build may not look into the user's folders.
            f"--customize-hook=copy-in {shlex.quote(str(_recipe(work, node)))} /",
            '--customize-hook=bash "$1"/recipe/common.sh "$1"',
            f'--customize-hook=bash "$1"/recipe/{node}.sh "$1"',
            *carried,
            '--customize-hook=chroot "$1" dpkg-query --show > "$1"/recipe/installed',
            f"--customize-hook={ARCHIVED}",
            *_download("recipe/installed", work / f"{node}.installed"),
            *_download("recipe/archived", work / f"{node}.archived"),
            '--customize-hook=rm -rf "$1"/recipe "$1"/etc/apt/preferences.d/lock.pref',
            *_download("vmlinuz", work / f"{node}.vmlinuz"),
            *_download("initrd.img", work / f"{node}.initrd"),
        ],
        tree,
        f"Building the image of {node}",
        {"ARCHIVE_PACKAGES": " ".join(box.archive_packages())},
        log,
    )
    _filesystem(node, tree, work, log)
    tree.unlink()
    if node == "mail":
        (work / "mail.vmlinuz").rename(work / "vmlinuz")
        (work / "mail.initrd").rename(work / "initrd.img")
        more = {**more, package_lock.ARCHIVE: _versions(work / "mail.archived")}
    return {node: _versions(work / f"{node}.installed"), **more}


def _container(work: Path, lock: Path | None) -> tuple[list[str], Versions]:
    """Build the database's container image. Returns hooks that put it into the mail image, and its packages."""
    layer, plain, packed = (work / f"{package_lock.CONTAINER}.{part}" for part in ("layer", "image", "tar.zst"))
    _mmdebstrap(
        [
            *database_image.OPTIONS,
            "--format=tar",
            f"--include={','.join(_packages()[package_lock.CONTAINER])}",
            *_bind(package_lock.CONTAINER, work, lock),
            f"--extract-hook=copy-in {shlex.quote(str(_recipe(work, package_lock.CONTAINER)))} /",
            f'--extract-hook=bash "$1"/recipe/{package_lock.CONTAINER}.sh "$1"',
            *_download("recipe/installed", work / f"{package_lock.CONTAINER}.installed", "extract"),
            '--extract-hook=rm -rf "$1"/recipe "$1"/etc/apt/preferences.d/lock.pref',
        ],
        layer,
        "Building the database's container image",
        {"SOURCE_DATE_EPOCH": str(database_image.EPOCH)},
        work / f"{package_lock.CONTAINER}.log",
    )
    number = work / f"{package_lock.CONTAINER}.id"
    number.write_text(database_image.pack(layer, database_image.name(), plain) + "\n")
    layer.unlink()
    database_image.compress(plain, packed)
    place = database_image.archive()
    hooks = [
        f'--customize-hook=mkdir -p "$1"{shlex.quote(str(Path(place).parent))}',
        f"--customize-hook=upload {shlex.quote(str(packed))} {place}",
        f"--customize-hook=upload {shlex.quote(str(number))} {place}.id",
    ]
    return hooks, {package_lock.CONTAINER: _versions(work / f"{package_lock.CONTAINER}.installed")}


def _packages() -> Mapping[str, list[str]]:
    """Packages that each image starts with, by image."""
    packages: Mapping[str, list[str]] = yaml.safe_load((box.RECIPE / "packages.yml").read_text())
    return packages


def _mmdebstrap(options: list[str], to: Path, what: str, environment: Mapping[str, str], log: Path) -> None:
    """Build a tree from packages into a tar."""
    tools.run(
        [*("sh", "-c", WITH_CHILDREN, "sh", tools.find("mmdebstrap")), *options, box.SUITE, to],
        what,
        env={"TMPDIR": "/var/tmp", **os.environ, **environment},  # noqa: S108
        log=log,
        hint="Is the package mirror reachable?",
    )


def _recipe(work: Path, node: str) -> Path:
    """Copy the recipe with the modes that the image needs, independent of the checkout's."""
    copy = work / node / "recipe"
    shutil.copytree(box.RECIPE, copy)
    for path in (copy, *copy.rglob("*")):
        path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
    return copy


def _bind(node: str, work: Path, lock: Path | None) -> list[str]:
    """Options that make apt use the versions of a lock."""
    if lock is None:
        return []
    preferences = work / f"{node}.pref"
    preferences.write_text(package_lock.preferences(lock, node))
    return [
        '--setup-hook=mkdir -p "$1"/etc/apt/preferences.d',
        f"--setup-hook=upload {shlex.quote(str(preferences))} /etc/apt/preferences.d/lock.pref",
    ]


def _download(inside: str, to: Path, stage: str = "customize") -> list[str]:
    return [f"--{stage}-hook=download /{inside} {shlex.quote(str(to))}"]


def _versions(manifest: Path) -> dict[str, str]:
    return dict(line.split("\t", 1) for line in manifest.read_text().splitlines())


def _filesystem(node: str, tree: Path, work: Path, log: Path) -> None:
    """Turn a tar of the root into a sparse ext4 image, with the right owners, as root or as an ordinary user."""
    image, root = f"{node}.img", f"{node}.root"
    inside = ["sh", "-euc", box.FILESYSTEM, "sh", tree.name, root, image, f"{box.DISK_GIB[node]}G", node]
    what = f"Writing the file system of {node}"
    environment = {**os.environ, "PATH": f"{os.environ.get('PATH', os.defpath)}:{tools.SBIN}"}
    if os.geteuid() == 0:
        tools.run(inside, what, env=environment, log=log, cwd=work)
        return
    # Names are relative to the folder it starts in: mapped users may not pass through the folders above.
    # They may not make device nodes either, which the kernel provides.
    environment["TAR_OPTIONS"] = "--exclude=./dev/?*"
    (work / image).touch()
    (work / image).chmod(0o666)
    work.chmod(0o777)
    tools.run([*MAPPED, *inside], what, env=environment, log=log, cwd=work)
    (work / image).chmod(0o644)
