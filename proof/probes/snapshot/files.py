"""Every file on local file systems: whether its package ships it so, else its content; owners, modes and attributes."""

import fcntl
import fnmatch
import hashlib
import os
import re
import stat
import struct
from collections.abc import Callable, Iterator
from functools import cache
from io import FileIO
from itertools import islice
from pathlib import Path

from proof.probes import ownership
from proof.probes.snapshot.common import LARGE, Content, Section

DPKG = Path("/var/lib/dpkg")
MERGED = re.compile(r"/(?:bin|sbin|lib|lib32|lib64|libx32)(?=/|$)")  # folders that are links into /usr
GETFLAGS = 0x80086601  # FS_IOC_GETFLAGS
FLAGS = {0x10: "immutable", 0x20: "append-only"}
CACHE = re.compile(r"(.*)/__pycache__/([^/]+)\.cpython-\d+(?:\.opt-\d)?\.pyc")
HUGE = 256 << 20  # bytes
# Folders whose content changes with use; what is open to others there is looked at nevertheless.
USED = ("/var/log", "/var/cache")
OPEN = "open to others: "  # begins the name of such a file
REACHABLE = stat.S_IXOTH
NOTHING = re.compile("(?!)")
ENGINES = ("/var/lib/docker", "/var/lib/containerd", "/run/docker", "/run/containerd")  # images are looked at elsewhere
MOST = 50_000  # entries of a folder that is used; a store of mail may have millions
ANY_EXECUTE = 0o111
ROTATED = re.compile(r"(?:[.-]\d+)?(?:\.(?:gz|xz|zst|old))?$")
MACHINE = re.compile(r"\b[0-9a-f]{32}\b")
ORDINARY_XATTRS = ("security.selinux",)
Seen = tuple[str, os.stat_result]


class Packages:
    """What packages ship, by path."""

    def __init__(self, folder: Path = DPKG) -> None:
        self.sums: dict[str, str] = {}
        self.listed: dict[str, str] = {}
        diverted = self._diversions(folder)
        for path in sorted((folder / "info").glob("*.list")):
            package = path.stem.partition(":")[0]
            for line in path.read_text(errors="surrogateescape").splitlines():
                self.listed[diverted(package, line)] = package
        for path in sorted((folder / "info").glob("*.md5sums")):
            package = path.stem.partition(":")[0]
            for line in path.read_text(errors="surrogateescape").splitlines():
                self.sums[diverted(package, f"/{line[34:]}")] = line[:32]
        for block in (folder / "status").read_text(errors="surrogateescape").split("\n\n"):
            if found := re.search(r"^Conffiles:\n((?: .*\n?)+)", block, re.MULTILINE):
                for line in found[1].splitlines():
                    name, md5 = line.split()[:2]
                    if not line.endswith((" obsolete", " remove-on-upgrade")):
                        self.sums[merged(name)] = md5

    @staticmethod
    def _diversions(folder: Path) -> "Callable[[str, str], str]":
        path = folder / "diversions"
        lines = path.read_text().splitlines() if path.exists() else []
        known = {
            merged(source): (merged(to), by)
            for source, to, by in zip(lines[::3], lines[1::3], lines[2::3], strict=True)
        }

        def diverted(package: str, name: str) -> str:
            to, by = known.get(merged(name), ("", ""))
            return to if to and by != package else merged(name)

        return diverted

    def missing(self, seen: Section, left_out: "re.Pattern[str]") -> "Iterator[tuple[str, str]]":
        """Files with a hash that are not there, and their packages."""
        for path in self.sums:
            if path not in seen and path in self.listed and not left_out.fullmatch(path) and not os.path.lexists(path):
                yield path, self.listed[path]


def merged(path: str) -> str:
    """A path of a package as it is in the file system: /lib and its like are links into /usr."""
    return f"/usr{path}" if MERGED.match(path) else path


@cache
def owner(uid: int) -> str:
    """Name of an account, else its number."""
    return ownership.user_name(uid) or str(uid)


@cache
def group(gid: int) -> str:
    """Name of a group, else its number."""
    return ownership.group_name(gid) or str(gid)


def extended(path: str, content: Content) -> str:
    """Extended attributes, access lists and capabilities among them."""
    names = [name for name in os.listxattr(path, follow_symlinks=False) if name not in ORDINARY_XATTRS]
    found = [f"{name}={content.digest(os.getxattr(path, name, follow_symlinks=False))}" for name in sorted(names)]
    return "".join(f" {each}" for each in found)


def flags(descriptor: int) -> str:
    """Immutable and append-only, if the file system knows them."""
    try:
        (found,) = struct.unpack("l", fcntl.ioctl(descriptor, GETFLAGS, bytes(8)))
    except OSError:
        return ""
    return "".join(f" {name}" for bit, name in FLAGS.items() if found & bit)


def flags_of(path: str, how: int) -> str:
    """The same of a path, which is opened to be read, and in this way besides."""
    descriptor = os.open(path, os.O_RDONLY | how)
    try:
        return flags(descriptor)
    finally:
        os.close(descriptor)


def compiled(path: str, content: bytes) -> bool:
    """Whether this is Python's compilation of the file beside it: same time and size."""
    found = CACHE.fullmatch(path)
    if found is None or len(content) < 16:
        return False
    try:
        source = Path(found[1], f"{found[2]}.py").stat()
    except OSError:
        return False
    kind, when, size = struct.unpack("<III", content[4:16])
    wanted = 0, int(source.st_mtime) & 0xFFFFFFFF, source.st_size & 0xFFFFFFFF
    return bool((kind, when, size) == wanted)


def regular(path: str, packages: Packages, content: Content) -> str:
    """Flags and content of a regular file; of one that is too large to be read, its size."""
    shipped = packages.sums.get(path)
    with open(path, "rb", buffering=0) as file:  # noqa: PTH123 - thousands of files
        held = flags(file.fileno())
        size = os.fstat(file.fileno()).st_size
        raw = file.read(LARGE) if shipped or size <= LARGE else b""
        if shipped and hashed(hashlib.md5(raw, usedforsecurity=False), file, size) == shipped:
            return f"{held} as shipped"
        if not shipped and size > HUGE:
            return f"{held} {size} bytes"
        if compiled(path, raw):
            return f"{held} compiled from its source"
        if size > LARGE and content.is_masked(path):
            digest = "masked"
        elif size > LARGE:
            file.seek(0)
            digest = hashed(content.hasher(b""), file, size)
        else:
            digest = content.of_file(path, raw)
    differs = f" differs from its package {packages.listed.get(path, '')}" if shipped else ""
    return f"{held}{differs} {digest}"


def hashed(begun: "hashlib._Hash | hashlib.blake2b", file: "FileIO", size: int) -> str:
    """The hash of a file's content, of which a small file's was read already; a large one is read in pieces."""
    while piece := file.read(LARGE) if size > LARGE else b"":
        begun.update(piece)
    return begun.hexdigest()


def of_path(path: str, state: os.stat_result, packages: Packages, content: Content) -> str:
    """Mode, owners, attributes and content of a file; never its times."""
    told = f"{stat.filemode(state.st_mode)} {owner(state.st_uid)}:{group(state.st_gid)}{extended(path, content)}"
    if stat.S_ISREG(state.st_mode):
        return told + regular(path, packages, content)
    if stat.S_ISLNK(state.st_mode):
        told += f" -> {content.named(str(Path(path).readlink()))}"
    if stat.S_ISDIR(state.st_mode):
        told += flags_of(path, os.O_DIRECTORY)
    if stat.S_ISBLK(state.st_mode) or stat.S_ISCHR(state.st_mode):
        told += f" device {os.major(state.st_rdev)}:{os.minor(state.st_rdev)}"
    return f"{told} of a package" if path in packages.listed else told


def walk(start: str, left_out: "re.Pattern[str]", inside: int = 0) -> "Iterator[Seen]":
    """Every path of one file system that no pattern leaves out; none if it was unmounted since it was listed.

    Args:
        start: the folder.
        left_out: pattern of paths that are left out.
        inside: bits of a folder's mode without which its content is left out.
    """
    device = None
    waiting = [start]
    while waiting:
        path = waiting.pop()
        if left_out.fullmatch(path):
            continue
        try:
            state = os.lstat(path)
            device = state.st_dev if device is None else device
            if state.st_dev != device:
                continue
            yield path, state
            if stat.S_ISDIR(state.st_mode) and state.st_mode & inside == inside:
                waiting += [entry.path for entry in os.scandir(path)]
        except FileNotFoundError:
            continue  # gone since it was listed


def unusual(folder: str, *, readable: bool) -> Section:
    """In a folder whose content is not looked at: what runs as its owner, devices, and what others may read or write.

    The numbers that rotating logs adds to their names do not count.

    Args:
        folder: the folder.
        readable: whether what others may read is unusual, too; what they may write always is.
    """
    wrong = stat.S_IWOTH | stat.S_ISUID | stat.S_ISGID | (stat.S_IROTH if readable else 0)
    found: Section = {}
    for path, state in islice(walk(folder, NOTHING, inside=REACHABLE), MOST) if Path(folder).is_dir() else []:
        mode = state.st_mode
        special = (
            stat.S_ISBLK(mode) or stat.S_ISCHR(mode) or (readable and (stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)))
        )
        capable = stat.S_ISREG(mode) and mode & ANY_EXECUTE and "security.capability" in os.listxattr(path)
        if special or capable or (stat.S_ISREG(mode) and mode & wrong):
            name = ROTATED.sub("", MACHINE.sub("MACHINE", path))
            found[f"{OPEN}{name}"] = f"{stat.filemode(mode)} {owner(state.st_uid)}:{group(state.st_gid)}"
    return found


def out_of_place(folder: str) -> Section:
    """In the folder of a service, whose content is not looked at: links that lead out, and what no one can change."""
    found: Section = {}
    if not Path(folder).is_dir() or Path(folder).stat().st_uid == 0:
        return found
    for path, state in islice(walk(folder, NOTHING), MOST):
        if stat.S_ISLNK(state.st_mode) and not os.path.realpath(path).startswith(f"{os.path.realpath(folder)}/"):
            found[f"leads out: {path}"] = os.path.realpath(path)
        elif stat.S_ISREG(state.st_mode) or stat.S_ISDIR(state.st_mode):
            try:
                held = flags_of(path, os.O_NOATIME)
            except FileNotFoundError:
                continue  # gone since it was listed
            if held:
                found[f"cannot be changed: {path}"] = held.strip()
    return found


def take(left_out: "list[str]", content: Content) -> Section:
    """Every file of the host; in folders that are left out, what is unusual."""
    pattern = re.compile("|".join(f"(?:{fnmatch.translate(each)})" for each in left_out) or "(?!)")
    packages = Packages()
    found: Section = {}
    for start in ownership.local_mounts(Path("/proc/self/mountinfo").read_text()):
        for path, state in walk(start, pattern):
            try:
                found[path] = of_path(path, state, packages, content)
            except FileNotFoundError:
                continue  # gone since it was listed
    for each in left_out:
        folder = each.removesuffix("/*")
        if folder != each and not set("*?[") & set(folder) and not folder.startswith(ENGINES):
            found |= {**unusual(folder, readable=folder in USED), **out_of_place(folder)}
    for path, package in packages.missing(found, pattern):
        found[path] = f"missing, although {package} ships it"
    return {content.named(path): known for path, known in found.items()}
