"""Programs that this machine runs: ended as a group when their time is over."""

import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

TIMED_OUT = 124  # as timeout(1) says it


@dataclass(frozen=True)
class Finished:
    """How a program ended: `exit_status` is 124 if its time was over, -N if signal N ended it."""

    exit_status: int
    stdout: str
    stderr: str
    seconds: float
    timed_out: bool


def run(
    argv: Sequence[str],
    *,
    timeout: float,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    stdin: bytes = b"",
) -> Finished:
    """Run a program without a terminal, at most `timeout` seconds. Raises FileNotFoundError."""
    started = time.monotonic()
    with subprocess.Popen(
        argv,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=cwd,
        env=env,
        start_new_session=True,
    ) as child:
        timed_out = False
        try:
            stdout, stderr = child.communicate(stdin, timeout=timeout)
        except subprocess.TimeoutExpired:
            timed_out = True
            os.killpg(child.pid, signal.SIGKILL)
            stdout, stderr = child.communicate()
        except BaseException:
            os.killpg(child.pid, signal.SIGKILL)
            raise
    return Finished(
        exit_status=TIMED_OUT if timed_out else child.returncode,
        stdout=stdout.decode(errors="replace"),
        stderr=stderr.decode(errors="replace"),
        seconds=time.monotonic() - started,
        timed_out=timed_out,
    )
