"""One secret, and every place on the host that contains it; runs on the host, and never returns the secret."""

import os
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import TypedDict

from proof.probes import engine

TREES = ("/etc", "/home", "/media", "/mnt", "/opt", "/root", "/run", "/srv", "/tmp", "/usr/local", "/var")  # noqa: S108
# What holds no plain password, and is large: the database's own files, packages, images, mails. The journal is searched
# apart.
LARGE = {
    "/opt/postgres",
    "/var/cache/apt",
    "/var/lib/apt",
    "/var/lib/containerd",
    "/var/lib/docker/overlay2",
    "/var/lib/dpkg",
    "/var/log/journal",
    "/var/mail/vmail",
}
LARGEST = 4 << 20  # bytes of a file that are searched
PIECE = 1 << 20
FOR_A_CLIENT = b"PGPASSWORD="
JOURNAL = ("journalctl", "--quiet", "--no-pager", "--output=cat")


class SecretFile(TypedDict):
    """A file that holds the secret."""

    path: str
    uid: int
    gid: int
    mode: int


def value(path: str, name: str) -> str:
    """The value of a line NAME=VALUE of a file.

    Raises:
        OSError: there is no such file or line.
    """
    for line in Path(path).read_text().splitlines():
        key, equals, found = line.partition("=")
        if key == name and equals and found:
            return found
    raise FileNotFoundError(f"{path} has no {name}")


def files_with(paths: list[str], name: str) -> list[SecretFile]:
    """Owner and mode of files, of those that hold the value that the first of them has for a name."""
    secret = value(paths[0], name).encode()
    found = []
    for path in paths:
        if secret in Path(path).read_bytes():
            state = Path(path).stat()
            found.append(SecretFile(path=path, uid=state.st_uid, gid=state.st_gid, mode=stat.S_IMODE(state.st_mode)))
    return found


def other_places(path: str, name: str, container: str, allowed: list[str]) -> list[str]:
    """Every place besides the allowed files that holds the value of a name in a file.

    Searched are all files that people and services write, arguments and environments of all processes, what the engine
    tells of a container, its log, and the journal. A client of root's that runs just now, such as that
    of a backup, is handed the password in a variable; that is none.
    """
    secret = value(path, name).encode()
    found = [str(file) for file in _files() if str(file) not in allowed and secret in _read(file)]
    found += [place for place, text in _processes(secret) if secret in text]
    if secret in engine.ask("GET", f"/containers/{container}/json")["body"].encode():
        found.append(f"what the engine tells of {container}")
    if secret in engine.ask("GET", f"/containers/{container}/logs?stdout=1&stderr=1&tail=20000")["body"].encode():
        found.append(f"the log of {container}")
    if _journal_has(secret):
        found.append("the journal")
    return found


def _journal_has(secret: bytes) -> bool:
    """Read piece by piece: a host of some months has gigabytes of it. Raises CalledProcessError."""
    with subprocess.Popen(JOURNAL, stdout=subprocess.PIPE) as reading:
        assert reading.stdout is not None
        end = b""
        while piece := reading.stdout.read(PIECE):
            if secret in end + piece:
                reading.kill()
                return True
            end = piece[-len(secret) :]
    if reading.returncode != 0:
        raise subprocess.CalledProcessError(reading.returncode, JOURNAL)
    return False


def _files() -> Iterator[Path]:
    for tree in TREES:
        for folder, folders, names in os.walk(tree):
            folders[:] = [name for name in folders if not _left_out(f"{folder}/{name}")]
            yield from (Path(folder, name) for name in names)


def _left_out(folder: str) -> bool:
    """Whether a folder is not searched: it is large, or another file system, such as a container's root."""
    return folder in LARGE or (os.path.ismount(folder) and not folder.startswith("/run/"))


def _read(file: Path) -> bytes:
    try:
        if not stat.S_ISREG(file.lstat().st_mode):
            return b""
        with file.open("rb") as opened:
            return opened.read(LARGEST)
    except OSError:  # gone in the meantime
        return b""


def _processes(secret: bytes) -> Iterator[tuple[str, bytes]]:
    for process in Path("/proc").glob("[0-9]*"):
        yield f"cmdline of process {process.name}", _proc(process / "cmdline")
        variables = _proc(process / "environ").split(b"\0")
        if _is_closed(process):
            variables = [each for each in variables if each != FOR_A_CLIENT + secret]
        yield f"environ of process {process.name}", b"\0".join(variables)


def _is_closed(process: Path) -> bool:
    """Whether root alone, and who is in its container, can read what a process was given."""
    try:
        return process.stat().st_uid == 0 or b"docker" in (process / "cgroup").read_bytes()
    except OSError:  # ended in the meantime
        return True


def _proc(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError:  # ended in the meantime
        return b""
