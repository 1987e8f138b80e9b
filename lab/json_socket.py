"""Line-wise JSON over a unix socket: what QEMU's monitor and the guest agent both speak.

`qemu.qmp` speaks the monitor's protocol only; the agent needs its own greeting (a 0xFF and an echoed number)
to get rid of what an earlier, killed client left in the pipe, so one small client serves both.
"""

import json
import secrets
import socket
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lab.errors import LabError

SEND_SECONDS = 10.0


class Disconnected(LabError):
    """The other end is gone, or does not answer in time."""


class JsonSocket:
    """A connection to one socket; every call has a deadline."""

    def __init__(self, path: Path, name: str, timeout: float) -> None:
        """Connect. Raises Disconnected if no one listens."""
        self.name = name
        self._buffer = bytearray()
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.settimeout(timeout)
        try:
            self._socket.connect(str(path))
        except OSError as error:
            self._socket.close()
            raise Disconnected(f"{name} does not answer: {error.strerror or error}.") from error

    def close(self) -> None:
        """Hang up."""
        self._socket.close()

    def send(self, message: Mapping[str, object], prefix: bytes = b"", timeout: float = SEND_SECONDS) -> None:
        """Send one message. Raises Disconnected."""
        self._socket.settimeout(timeout)
        try:
            self._socket.sendall(prefix + json.dumps(message).encode() + b"\n")
        except OSError as error:
            raise Disconnected(f"{self.name} hung up: {error}.") from error

    def receive(self, deadline: float) -> dict[str, Any]:
        """Next message. `deadline` is on the monotonic clock. Raises Disconnected."""
        searched = 0
        while True:
            end = self._buffer.find(b"\n", searched)
            if end < 0:
                searched = len(self._buffer)
                self._buffer += self._more(deadline)
                continue
            line, searched = bytes(self._buffer[:end]), 0
            del self._buffer[: end + 1]
            try:
                message = json.loads(line.rpartition(b"\xff")[2] or b"null")
            except ValueError:
                continue  # the tail of an answer that a killed client did not read
            if isinstance(message, dict):
                return message

    def _more(self, deadline: float) -> bytes:
        self._socket.settimeout(max(0.001, deadline - time.monotonic()))
        try:
            data = self._socket.recv(1 << 20)
        except TimeoutError as error:
            raise Disconnected(f"{self.name} did not answer in time.") from error
        except OSError as error:
            raise Disconnected(f"{self.name} hung up: {error}.") from error
        if not data:
            raise Disconnected(f"{self.name} hung up.")
        return data

    def synchronise(self, timeout: float) -> None:
        """Synchronise with the guest agent: its next answer belongs to the next request. Raises Disconnected."""
        token = secrets.randbelow(1 << 31)
        deadline = time.monotonic() + timeout
        self.send({"execute": "guest-sync-delimited", "arguments": {"id": token}}, prefix=b"\xff")
        while self.receive(deadline).get("return") != token:
            pass
