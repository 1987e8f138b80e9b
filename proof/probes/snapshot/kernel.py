"""Settings of the kernel, file systems, swap and loop devices."""

import os
import re
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

from proof.probes.snapshot.common import NUMBER, Content, Section, words

PROC_SYS = Path("/proc/sys")
OUTDATED = ("base_reachable_time", "retrans_time")  # names of before; whoever reads them is named in the kernel's log
DEFAULTS = ("Default mount options", "Errors behavior", "Mount options")  # words of dumpe2fs
ROOT_DEVICE = re.compile(r"\b(root|resume|BOOT_IMAGE)=\S+")


def take(content: Content) -> Section:
    """Settings of the kernel, its command line, and whether it was tainted."""
    found = {"command line": content.named(ROOT_DEVICE.sub(r"\1=(device)", Path("/proc/cmdline").read_text().strip()))}
    for path in _settings(PROC_SYS):
        try:
            with open(path) as file:  # noqa: PTH123 - thousands of files
                found[content.named(path.removeprefix(f"{PROC_SYS}/")).replace("/", ".")] = " ".join(
                    file.read().split()
                )
        except (OSError, UnicodeDecodeError):
            continue  # it has no value at this moment
    return found


def _settings(folder: "str | Path") -> "Iterator[str]":
    """Files that can be read, in a folder and all below it."""
    for entry in os.scandir(folder):
        if entry.is_dir(follow_symlinks=False):
            yield from _settings(entry.path)
        elif entry.name not in OUTDATED and entry.stat().st_mode & stat.S_IRUSR:
            yield entry.path


def mounts(content: Content) -> Section:
    """File systems as the first process sees them, swap, and loop devices."""
    found: Section = {}
    for line in Path("/proc/1/mountinfo").read_text().splitlines():
        before, after = line.split(" - ", 1)
        root, point, options = before.split()[3:6]
        kind, _, more = after.split()[:3]
        steady = ",".join(sorted({*options.split(","), *_steady(more)}))
        found[content.named(NUMBER.sub("ID", point))] = f"{kind} {steady}" + (f" from {root}" if root != "/" else "")
    found |= dict(defaults())
    for line in Path("/proc/swaps").read_text().splitlines()[1:]:
        found[f"swap {line.split()[0]}"] = line.split()[1]
    for path in Path("/sys/block").glob("loop*/loop/backing_file"):
        found[f"loop of {path.read_text().strip()}"] = "attached"
    return found


def defaults(mounts: Path = Path("/proc/1/mountinfo")) -> "Iterator[tuple[str, str]]":
    """What a file system has for itself, whatever fstab says: options of each mount, and what an error does."""
    if not shutil.which("dumpe2fs"):
        return
    for line in mounts.read_text().splitlines():
        before, after = line.split(" - ", 1)
        kind, device = after.split()[:2]
        if kind.startswith("ext") and device.startswith("/dev/"):
            shown = dict(each.split(":", 1) for each in words("dumpe2fs", "-h", device).splitlines() if ":" in each)
            for name in DEFAULTS:
                yield f"{name} of {before.split()[4]}", shown.get(name, "").strip()


def _steady(options: str) -> "Iterator[str]":
    """Options of a file system without those that follow the machine's size."""
    for option in options.split(","):
        if not option.startswith(("size=", "nr_inodes=", "lowerdir=", "upperdir=", "workdir=", "fd=", "pipe_ino=")):
            yield option
