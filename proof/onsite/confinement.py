"""What the kernel lets the processes of a container do; runs on the host."""

import subprocess
from pathlib import Path
from typing import TypedDict

CGROUPS = Path("/sys/fs/cgroup")
LIMITS = ("memory.max", "memory.swap.max", "cpu.max", "pids.max")
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


class Overdone(TypedDict):
    """How a process ended that took more memory than its group may have; a signal is a negative number."""

    ended: int
    kills: int


def read(pid: int) -> Confinement:
    """The confinement of the container that a process belongs to."""
    group = _group(pid)
    members = [int(number) for number in (group / "cgroup.procs").read_text().split()]
    return Confinement(
        processes=[process(Path(f"/proc/{member}/status").read_text()) for member in members],
        limits={name: (group / name).read_text().strip() for name in LIMITS},
        root_options=root_options(Path(f"/proc/{pid}/mountinfo").read_text()),
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


def overdo(pid: int, size: int) -> Overdone:
    """Let a process in the same control group take some bytes of memory, and see how it ends."""
    group = _group(pid)
    before = _kills(group)
    ended = subprocess.run(
        [PYTHON, "-S", "-c", HOG, str(group), str(size)], check=False, timeout=OOM_SECONDS, capture_output=True
    ).returncode
    return Overdone(ended=ended, kills=_kills(group) - before)


def _group(pid: int) -> Path:
    return CGROUPS / Path(f"/proc/{pid}/cgroup").read_text().rpartition("::/")[2].strip()


def _kills(group: Path) -> int:
    events = dict(line.split() for line in (group / "memory.events").read_text().splitlines())
    return int(events["oom_kill"])
