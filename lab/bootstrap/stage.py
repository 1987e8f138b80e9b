"""One step of the bootstrap: a command with its output in a log, and a line that shows its progress."""

import shlex
import signal
import subprocess
from collections.abc import Sequence

from lab.errors import LabError
from lab.paths import BUILD, ROOT
from lab.progress import step

LOG = BUILD / "bootstrap.log"
_LIMIT = 1800.0  # seconds; a mirror that hangs longer is broken
_TAIL = 15  # lines of the log that a failure shows


def run(title: str, command: Sequence[str], expected: float, stdin: str = "") -> None:
    """Run a command to its end, its output in LOG. Raises LabError with the last lines if it fails.

    Args:
        title: what happens, for the reader.
        command: argument list.
        expected: seconds it takes on a small machine.
        stdin: what the command reads.
    """
    LOG.parent.mkdir(exist_ok=True)
    with LOG.open("a") as log, step(title, expected=expected):
        log.write(f"\n$ {shlex.join(command)}\n")
        log.flush()
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=log, stderr=subprocess.STDOUT, text=True, cwd=ROOT
        )
        try:
            process.communicate(stdin, timeout=_LIMIT)
        except subprocess.TimeoutExpired:
            _end(process)
        except BaseException:
            _end(process)
            raise
        if process.returncode != 0:
            tail = "\n".join(f"  | {line}" for line in LOG.read_text(errors="replace").splitlines()[-_TAIL:])
            raise LabError(
                f"{title}: failed with exit status {process.returncode}.\n{tail}",
                f"Fix the reported problem and run make again; the whole output is in {LOG.relative_to(ROOT)}.",
            )


def _end(process: subprocess.Popen[str]) -> None:
    """Let an interrupted command finish its own clean-up; one that does not is ended."""
    for signal_number in (None, signal.SIGTERM, signal.SIGKILL):
        try:
            if signal_number:
                process.send_signal(signal_number)
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            continue
        except PermissionError:  # sudo runs as root and got the interrupt from the terminal itself
            process.wait()
        return
