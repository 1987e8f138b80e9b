"""Processes of VMs: found by what they were started with, and ended for certain.

A number in a file can be another process by now, and the file can be gone while the process lives; the command line
of a VM is its own.
"""

import os
import select
import signal
from pathlib import Path

from lab.errors import LabError

SECONDS_TO_END = 10.0


def is_vm(pid: int, beginning: str) -> bool:
    """Whether a process is a QEMU of which an argument begins so."""
    try:
        command = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return False
    return b"qemu-system" in command[0] and any(word.startswith(os.fsencode(beginning)) for word in command)


def vms(beginning: str) -> list[int]:
    """All processes of which that is true."""
    numbers = (int(path.name) for path in Path("/proc").iterdir() if path.name.isdecimal())
    return [pid for pid in numbers if is_vm(pid, beginning)]


def own_mib(pid: int) -> float:
    """Private memory of a process in MiB, without files; 0 if it has ended."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0.0
    return sum(int(line.split()[1]) for line in status.splitlines() if line.startswith("RssAnon:")) / (1 << 10)


def end(pid: int, beginning: str) -> None:
    """End a VM; kill it if it does not end.

    Raises:
        LabError: it does not end, or it belongs to another user.
    """
    try:
        process = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        for number in (signal.SIGTERM, signal.SIGKILL):
            if not is_vm(pid, beginning):
                return
            signal.pidfd_send_signal(process, number)
            if select.select([process], [], [], SECONDS_TO_END)[0]:
                return
    except ProcessLookupError:
        return
    except PermissionError as error:
        raise LabError(f"The VM in process {pid} belongs to another user.", "lab down, as that user") from error
    finally:
        os.close(process)
    raise LabError(f"The VM in process {pid} cannot be ended.")
