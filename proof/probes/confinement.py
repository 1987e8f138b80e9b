"""What the kernel allows the processes of a container; runs on the host."""

import subprocess
import time
from contextlib import suppress
from pathlib import Path
from typing import TypedDict

CGROUPS = Path("/sys/fs/cgroup")
LIMITS = ("memory.max", "memory.swap.max", "cpu.max", "pids.max")
PROCESSES = Path("/proc")
STARTER = "runc"  # beginning of the name of a process on its way into a container, a health check's for one: still root
STARTER_SECONDS = 10.0  # longer than any takes, also on an emulated processor
OOM_SECONDS = 120
PYTHON = "/usr/bin/python3"
# argv: folder of the control group, bytes. Writes into every page, large ones where the kernel has them.
HOG = """
import contextlib, mmap, os, sys
group, size = sys.argv[1], int(sys.argv[2])
open(group + "/cgroup.procs", "w").write(str(os.getpid()))
memory = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
with contextlib.suppress(OSError):
    memory.madvise(mmap.MADV_HUGEPAGE)
memory[:: mmap.PAGESIZE] = bytes(len(range(0, size, mmap.PAGESIZE)))
"""


class Process(TypedDict):
    """A process: user and group ids of every kind, and its capabilities of every kind together."""

    pid: int
    name: str
    uids: list[int]
    gids: list[int]
    capabilities: int
    no_new_privileges: bool


class Confinement(TypedDict):
    """A container's processes, what its control group may use, and whether its root can be written."""

    processes: list[Process]
    limits: dict[str, str]
    root_options: list[str]


class OutOfMemory(TypedDict):
    """How a process ended that took more memory than its group may have; a signal is a negative number."""

    ended: int
    kills: int


def read(pid: int) -> Confinement:
    """The confinement of the container that a process belongs to.

    Who is on the way in is waited for. What still bears such a name after `STARTER_SECONDS` is told as it is.
    """
    group = _group(pid)
    deadline = time.monotonic() + STARTER_SECONDS
    found = _members(group)
    while any(one["name"].startswith(STARTER) for one in found) and time.monotonic() < deadline:
        time.sleep(0.05)
        found = _members(group)
    return Confinement(
        processes=found,
        limits={name: (group / name).read_text().strip() for name in LIMITS},
        root_options=root_options((PROCESSES / str(pid) / "mountinfo").read_text()),
    )


def process(status: str) -> Process:
    """A process, of its /proc/PID/status."""
    fields = {name: value.split() for name, _, value in (line.partition(":") for line in status.splitlines())}
    kinds = ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")
    capabilities = 0
    for kind in kinds:
        capabilities |= int(fields[kind][0], 16)
    return Process(
        pid=int(fields["Pid"][0]),
        name=fields["Name"][0],
        uids=[int(number) for number in fields["Uid"]],
        gids=[int(number) for number in fields["Gid"]],
        capabilities=capabilities,
        no_new_privileges=fields["NoNewPrivs"] == ["1"],
    )


def root_options(mountinfo: str) -> list[str]:
    """How / is mounted, of a process's /proc/PID/mountinfo."""
    mounts = (line.split() for line in mountinfo.splitlines())
    return next(mount[5].split(",") for mount in mounts if mount[4] == "/")


def exceed_memory(pid: int, size: int) -> OutOfMemory:
    """Let a process in the same control group take some bytes of memory, and see how it ends."""
    group = _group(pid)
    before = _kills(group)
    ended = subprocess.run(
        [PYTHON, "-S", "-c", HOG, str(group), str(size)], check=False, timeout=OOM_SECONDS, capture_output=True
    ).returncode
    return OutOfMemory(ended=ended, kills=_kills(group) - before)


def _members(group: Path) -> list[Process]:
    """The processes of a control group; one that ends in the meantime is left out."""
    found = []
    for member in (group / "cgroup.procs").read_text().split():
        with suppress(FileNotFoundError, ProcessLookupError):
            found.append(process((PROCESSES / member / "status").read_text()))
    return found


def _group(pid: int) -> Path:
    return CGROUPS / (PROCESSES / str(pid) / "cgroup").read_text().rpartition("::/")[2].strip()


def _kills(group: Path) -> int:
    events = dict(line.split() for line in (group / "memory.events").read_text().splitlines())
    return int(events["oom_kill"])
