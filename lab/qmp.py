"""QEMU's monitor: commands, and jobs that run to their end."""

import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from lab import tools
from lab.errors import LabError
from lab.json_socket import JsonSocket


class Monitor:
    """One conversation with the monitor of a VM; use it as a context."""

    def __init__(self, path: Path, node: str, timeout: float = 10.0) -> None:
        """Connect and leave the negotiation mode. Raises Disconnected."""
        self._node = node
        self._connection = JsonSocket(path, f"The VM {node} (its monitor)", timeout)
        self._connection.receive(time.monotonic() + timeout)
        self.call("qmp_capabilities")

    def __enter__(self) -> Self:
        """Use as a context."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Hang up."""
        self._connection.close()

    def call(self, command: str, arguments: Mapping[str, object] | None = None, timeout: float = 30.0) -> Any:  # noqa: ANN401
        """Run one command and return its value. Raises LabError with QEMU's own words."""
        self._connection.send({"execute": command, "arguments": dict(arguments or {})})
        deadline = time.monotonic() + timeout
        while True:
            answer = self._connection.receive(deadline)
            if "error" in answer:
                raise LabError(f"The VM {self._node} refused {command}: {answer['error']['desc']}")
            if "return" in answer:
                return answer["return"]

    def leave_shared_memory(self) -> None:
        """Exclude memory from a migration that is in a file shared with other processes."""
        self.call("migrate-set-capabilities", {"capabilities": [{"capability": "x-ignore-shared", "state": True}]})

    def disk_size(self, device: str) -> int:
        """Size of a device's disk, in bytes."""
        sizes = {each["device"]: each["inserted"]["image"]["virtual-size"] for each in self.call("query-block")}
        return int(sizes[device])

    def change_disk(self, device: str, new: Path) -> None:
        """Let a device write to an empty qcow2 file from now on, over the disk that it has written to."""
        what = {"snapshot-file": str(new), "format": "qcow2", "mode": "existing"}
        self.call("blockdev-snapshot-sync", {"device": device, **what})

    def wait_migration(self, timeout: float) -> None:
        """Wait until memory is written or read completely. Raises LabError if it failed."""
        deadline = time.monotonic() + timeout
        while True:
            state = self.call("query-migrate")
            status = state.get("status", "none")
            if status == "completed":
                return
            if status in ("failed", "cancelled"):
                why = str(state.get("error-desc", status))
                hint = tools.MORE_ROOM if "No space left" in why else ""
                raise LabError(f"Memory of {self._node} could not be moved: {why}", hint)
            if time.monotonic() > deadline:
                raise LabError(f"Memory of {self._node} was not moved within {timeout:.0f} s; last state: {status}.")
            time.sleep(0.02)
