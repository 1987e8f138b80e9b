"""Out-of-band commands: root in a guest through the guest agent, which works when its network does not."""

import base64
import fcntl
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab.errors import LabError
from lab.json_socket import Disconnected, JsonSocket

ENVIRONMENT = ("PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "LC_ALL=C.UTF-8")
ANSWER_SECONDS = 10.0
PING_SECONDS = 5.0  # an overloaded machine needs some
OUTPUT_SECONDS = 120.0  # tens of MB come through a virtual serial port
KILL_SECONDS = 5.0


@dataclass(frozen=True)
class Completed:
    """A command that ended: its exit status (128 + number for a signal) and both streams."""

    exit_status: int
    stdout: bytes
    stderr: bytes


# A request and the seconds it may take -> the agent's answer, as QEMU's protocol has both.
Exchange = Callable[[Mapping[str, object], float], Mapping[str, Any]]


class Socket:
    """An exchange over the socket of the agent's port: a short conversation, so that several processes can share it."""

    def __init__(self, socket: Path, node: str) -> None:
        """Args: socket: of the agent's port; node: name for messages."""
        self._socket = socket
        self._lock = socket.with_suffix(".lock")
        self._node = node

    def __call__(self, request: Mapping[str, object], timeout: float) -> Mapping[str, Any]:
        """The agent's answer. Raises LabError if there is none."""
        with self._conversation(timeout) as connection:
            connection.send(request, timeout=timeout)
            return connection.receive(time.monotonic() + timeout)

    @contextmanager
    def _conversation(self, timeout: float) -> Iterator[JsonSocket]:
        if not self._socket.exists():
            raise Disconnected(f"The VM {self._node} is not running.", "lab up")
        try:
            lock = self._lock.open("w")
        except FileNotFoundError as error:
            raise Disconnected(f"The VM {self._node} is not running.", "lab up") from error
        with lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            connection = JsonSocket(self._socket, f"The guest agent of {self._node}", timeout)
            try:
                connection.synchronise(min(timeout, ANSWER_SECONDS))
                yield connection
            finally:
                connection.close()


class Agent:
    """The guest agent of one VM."""

    def __init__(self, exchange: Exchange, node: str, lives: Callable[[], bool] = lambda: True) -> None:
        """Args: exchange: the way to it; node: name for messages; lives: whether there is a VM to wait for."""
        self._exchange = exchange
        self._node = node
        self._lives = lives

    def _ask(self, command: str, arguments: Mapping[str, object] | None = None, timeout: float = ANSWER_SECONDS) -> Any:  # noqa: ANN401
        answer = self._exchange({"execute": command, "arguments": dict(arguments or {})}, timeout)
        if "error" in answer:
            raise LabError(f"The guest agent of {self._node} refused {command}: {answer['error']['desc']}")
        return answer["return"]

    def answers(self, timeout: float = PING_SECONDS) -> bool:
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
            if not self._lives():
                raise LabError(f"The VM {self._node} ended. Last: {last}", f"lab logs {self._node}")
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
            timeout: seconds after which it is killed. If they are few, an agent that goes silent in the call, as in a
                guest that shuts down, is soon given up.

        Raises:
            LabError: the agent does not answer, or the output is longer than the agent keeps.
            TimeoutError: the command was not done in time; the lab itself may be well.
        """
        request = {
            "path": "/usr/bin/setsid",
            "arg": ["--", *argv],
            "env": ENVIRONMENT,
            "input-data": base64.b64encode(stdin).decode(),
            "capture-output": True,
        }
        silence = min(OUTPUT_SECONDS, PING_SECONDS + 2 * timeout)
        started = self._ask("guest-exec", request, silence)
        try:
            state = self._ended(started["pid"], timeout, silence)
        except KeyboardInterrupt:
            self._kill_group(started["pid"])
            raise
        if state is None:
            self._kill_group(started["pid"])
            raise TimeoutError(f"On {self._node}, out of band: {argv[0]} was not done after {timeout:.0f} s.")
        if state.get("out-truncated") or state.get("err-truncated"):
            raise LabError(
                f"On {self._node}, out of band: {argv[0]} wrote more than the guest agent keeps (16 MiB).",
                "Write it to a file in the guest, or ask for less.",
            )
        status = state.get("exitcode", 128 + int(state.get("signal", 0)))
        return Completed(
            status, base64.b64decode(state.get("out-data", "")), base64.b64decode(state.get("err-data", ""))
        )

    def _ended(self, pid: int, timeout: float, silence: float) -> dict[str, Any] | None:
        """The agent's report of a command that has ended; None if it has not ended after so many seconds."""
        deadline = time.monotonic() + timeout
        pause = 0.005
        while True:
            state: dict[str, Any] = self._ask("guest-exec-status", {"pid": pid}, silence)
            if state["exited"]:
                return state
            if time.monotonic() > deadline:
                return None
            time.sleep(pause)
            pause = min(pause * 1.5, 0.2)

    def _kill_group(self, pid: int) -> None:
        """Kill a command with all of its processes, and let the agent forget its output."""
        self._ask("guest-exec", {"path": "/bin/kill", "arg": ["-KILL", "--", f"-{pid}"]})
        deadline = time.monotonic() + KILL_SECONDS
        while time.monotonic() < deadline and not self._ask("guest-exec-status", {"pid": pid})["exited"]:
            time.sleep(0.05)
