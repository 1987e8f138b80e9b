"""A VM's memory as a compressed file: QEMU writes or reads the stream at a socket, zstd stands between.

zstd notes a checksum of the whole, so a file that was damaged is noticed before the VM runs.
"""

import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lab import tools
from lab.errors import LabError
from lab.qmp import Monitor

SECONDS = 120.0
LEVEL = "-1"  # as quick as writing it plain, and a third of the size


def save(monitor: Monitor, file: Path, meeting: Path) -> None:
    """Write the memory of a VM that is stopped.

    Args:
        monitor: the VM's.
        file: made here.
        meeting: path for a socket, removed in the end; where QEMU and this process meet.

    Raises:
        LabError: it could not be written.
    """
    with socket.socket(socket.AF_UNIX) as server, _path(meeting):
        server.settimeout(SECONDS)
        server.bind(str(meeting))
        server.listen(1)
        monitor.call("migrate", uri=f"unix:{meeting}")
        stream, _ = server.accept()
        stream.settimeout(None)
    with stream, file.open("xb") as sink, _zstd([LEVEL, "--threads=0"], stream.fileno(), sink.fileno()) as zstd:
        stream.close()  # QEMU notices if zstd ends
        _move(monitor, zstd, f"{file} could not be written")


def load(monitor: Monitor, file: Path, meeting: Path) -> None:
    """Read memory into a VM that waits for it; it stays stopped. Arguments and errors are those of `save`."""
    with socket.socket(socket.AF_UNIX) as stream, _path(meeting), file.open("rb") as source:
        stream.settimeout(SECONDS)
        monitor.call("migrate-incoming", uri=f"unix:{meeting}")
        stream.connect(str(meeting))
        stream.settimeout(None)  # zstd waits as long as QEMU does
        with _zstd(["--decompress"], source.fileno(), stream.fileno()) as zstd:
            stream.close()
            _move(monitor, zstd, f"{file} could not be read")


@contextmanager
def _path(meeting: Path) -> Iterator[None]:
    meeting.unlink(missing_ok=True)
    try:
        yield
    finally:
        meeting.unlink(missing_ok=True)


@contextmanager
def _zstd(options: list[str], source: int, sink: int) -> Iterator[subprocess.Popen[bytes]]:
    command = tools.with_parent_death_signal(["zstd", "--quiet", "--stdout", *options])
    with subprocess.Popen(command, stdin=source, stdout=sink, stderr=subprocess.PIPE) as zstd:
        try:
            yield zstd
        except BaseException:
            zstd.kill()
            raise


def _move(monitor: Monitor, zstd: subprocess.Popen[bytes], what: str) -> None:
    """Wait for both ends. What zstd says comes first: QEMU only sees that the other end hung up."""
    failed: LabError | None = None
    try:
        monitor.wait_migration(SECONDS)
    except LabError as error:
        failed = error
        zstd.terminate()
    _, words = zstd.communicate(timeout=SECONDS)
    if zstd.returncode > 0:
        said = words.decode(errors="replace").strip()
        raise LabError(f"{what}: {said}", tools.MORE_ROOM if "No space left" in said else "") from failed
    if failed is not None:
        raise failed
