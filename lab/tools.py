"""Programs of this machine: found, run, and explained if they fail."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO

from lab.errors import LabError

# Program -> Debian package that brings it.
PACKAGES: Mapping[str, str] = {
    "qemu-system-x86_64": "qemu-system-x86",
    "qemu-img": "qemu-utils",
    "mmdebstrap": "mmdebstrap",
    "gpg": "gpg",
    "apt-ftparchive": "apt-utils",
    "dpkg-deb": "dpkg",
    "mke2fs": "e2fsprogs",
    "debugfs": "e2fsprogs",
    "sfdisk": "fdisk",
    "ssh": "openssh-client",
    "ssh-keygen": "openssh-client",
    "newuidmap": "uidmap",
    "setpriv": "util-linux",
    "zstd": "zstd",
}
SBIN = "/usr/local/sbin:/usr/sbin:/sbin"  # not on the PATH of an ordinary user of Debian
MORE_ROOM = "Free some room, or point MAIL_LAB_CACHE to a larger disk."
_running: set[subprocess.Popen[bytes]] = set()


def find(program: str) -> str:
    """Path of a program. Raises LabError that names the package if it is missing."""
    path = shutil.which(program, path=SBIN) or shutil.which(program)
    if path is None:
        package = PACKAGES.get(program, program)
        raise LabError(f"The program {program} is not installed.", f"apt install {package}")
    return path


def require_room(folder: Path, gib: int, what: str, hint: str = MORE_ROOM) -> None:
    """Raise LabError if the disk of an existing folder has less free space than needed."""
    free = shutil.disk_usage(folder).free
    if free < gib << 30:
        raise LabError(f"{folder} has {free >> 20} MiB free; {what} needs {gib} GiB.", hint)


def warn_of_little_room(folder: Path, gib: int, hint: str) -> None:
    """Tell on stderr that the disk of an existing folder has less free space than is comfortable."""
    free = shutil.disk_usage(folder).free
    if free < gib << 30:
        sys.stderr.write(f"  {folder} has only {free / 2**30:.1f} GiB free: {hint}\n")


def memory_available_mib() -> int:
    """Memory that programs can still take without swapping, in MiB."""
    facts = dict(line.split(":", maxsplit=1) for line in Path("/proc/meminfo").read_text().splitlines())
    return int(facts["MemAvailable"].split()[0]) // 1024


def with_parent_death_signal(argv: Sequence[str | Path]) -> list[str]:
    """A command that the kernel ends when this process is killed."""
    return [find("setpriv"), "--pdeathsig", "TERM", "--", find(str(argv[0])), *map(str, argv[1:])]


def end_all() -> None:
    """Ask every program that `run` waits for to end, with its children; each cleans up after itself."""
    for process in tuple(_running):
        _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)


def run(
    argv: Sequence[str | Path],
    what: str,
    *,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    log: Path | None = None,
    hint: str = "",
) -> str:
    """Run a program to its end and return its stdout.

    Args:
        argv: program and arguments; the program is looked up by `find`.
        what: the step in a person's words, for the error message.
        env: the whole environment, or None for ours.
        cwd: folder to start it in, or None for ours.
        log: file that receives stdout and stderr instead; the result is then empty.
        hint: what to do when it fails.

    Raises:
        LabError: the program is missing or failed; carries its last lines.
    """
    command = with_parent_death_signal(argv)
    if log is None:
        status, stdout, said = _complete(command, env, cwd, subprocess.PIPE, subprocess.PIPE)
    else:
        with log.open("ab") as sink:
            status, stdout, _ = _complete(command, env, cwd, sink, subprocess.STDOUT)
        said = log.read_text(errors="replace")
    if status != 0:
        last = "\n".join(f"  | {line}" for line in said.strip().splitlines()[-12:])
        hint = MORE_ROOM if "No space left on device" in last else hint
        raise LabError(f"{what} failed with exit status {status}.\n{last}", hint)
    return stdout


def _complete(
    command: Sequence[str],
    env: Mapping[str, str] | None,
    cwd: Path | None,
    stdout: IO[bytes] | int,
    stderr: int,
) -> tuple[int, str, str]:
    """Exit status, stdout and stderr, if they are pipes. After an interrupt the program can clean up."""
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=stdout, stderr=stderr, env=env, cwd=cwd, start_new_session=True
    )
    _running.add(process)
    try:
        out, said = process.communicate()
    except BaseException:
        _end(process)
        process.wait()
        raise
    finally:
        _running.discard(process)
    return process.returncode, (out or b"").decode(errors="replace"), (said or b"").decode(errors="replace")
