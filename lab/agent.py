"""Out-of-band commands: root in a guest through the guest agent, which works when its network does not."""

import base64
import fcntl
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab.errors import LabError
from lab.jsonsocket import Disconnected, JsonSocket

SEARCH_PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True)
class Completed:
    """A command that ended: its exit status (128 + number for a signal) and both streams."""

    exit_status: int
    stdout: bytes
    stderr: bytes


class Agent:
    """The guest agent of one VM. Each request is a short conversation, so several processes can share it."""

    def __init__(self, socket: Path, node: str) -> None:
        """Args: socket: of the agent's port; node: name for messages."""
        self._socket = socket
        self._lock = socket.with_suffix(".lock")
        self._node = node

    @contextmanager
    def _conversation(self, timeout: float) -> Iterator[JsonSocket]:
        if not self._socket.exists():
            raise Disconnected(f"The VM {self._node} is not running.", "lab up")
        with self._lock.open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            connection = JsonSocket(self._socket, f"The guest agent of {self._node}", timeout)
            try:
                connection.synchronise(timeout)
                yield connection
            finally:
                connection.close()

    def _ask(self, command: str, arguments: Mapping[str, object] | None = None, timeout: float = 10.0) -> Any:  # noqa: ANN401
        with self._conversation(timeout) as connection:
            connection.send({"execute": command, "arguments": dict(arguments or {})})
            answer = connection.receive(time.monotonic() + timeout)
        if "error" in answer:
            raise LabError(f"The guest agent of {self._node} refused {command}: {answer['error']['desc']}")
        return answer["return"]

    def answers(self, timeout: float = 2.0) -> bool:
        """Whether the agent answers now."""
        try:
            self._ask("guest-ping", timeout=timeout)
        except LabError:
            return False
        return True

    def wait(self, timeout: float) -> None:
        """Wait until the agent answers. Raises LabError at the deadline."""
        deadline = time.monotonic() + timeout
        last = "it was never reached"
        while time.monotonic() < deadline:
            try:
                self._ask("guest-ping", timeout=min(2.0, max(0.1, deadline - time.monotonic())))
            except LabError as error:
                last = error.what
            else:
                return
            time.sleep(0.1)
        raise LabError(
            f"{self._node} did not answer out of band within {timeout:.0f} s. Last: {last}",
            f"lab logs {self._node}",
        )

    def run(self, argv: Sequence[str], stdin: bytes = b"", timeout: float = 60.0) -> Completed:
        """Run a command as root to its end.

        Args:
            argv: program and arguments; no shell is involved.
            stdin: bytes for its standard input.
            timeout: seconds after which it is killed.

        Raises:
            LabError: the agent does not answer.
            TimeoutError: the command was not done in time; the lab itself may be well.
        """
        request = {
            "path": "/usr/bin/env",
            "arg": [SEARCH_PATH, "HOME=/root", "LC_ALL=C.UTF-8", *argv],
            "input-data": base64.b64encode(stdin).decode(),
            "capture-output": True,
        }
        started = self._ask("guest-exec", request)
        deadline = time.monotonic() + timeout
        pause = 0.005
        while True:
            state = self._ask("guest-exec-status", {"pid": started["pid"]})
            if state["exited"]:
                break
            if time.monotonic() > deadline:
                self._kill(started["pid"])
                raise TimeoutError(f"On {self._node}, out of band: {argv[0]} was not done after {timeout:.0f} s.")
            time.sleep(pause)
            pause = min(pause * 1.5, 0.2)
        status = state.get("exitcode", 128 + int(state.get("signal", 0)))
        return Completed(
            status, base64.b64decode(state.get("out-data", "")), base64.b64decode(state.get("err-data", ""))
        )

    def _kill(self, pid: int) -> None:
        self._ask("guest-exec", {"path": "/bin/kill", "arg": ["-KILL", str(pid)]})
