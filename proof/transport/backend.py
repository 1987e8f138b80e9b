"""testinfra's backend on the remote interpreter, for testinfra's own modules."""

from typing import Any

from testinfra.backend.base import BaseBackend, CommandResult

from proof.transport.command import RunningCommand
from proof.transport.location import RUN_TIMEOUT, Place


class Backend(BaseBackend):
    """Commands of one place. Output is UTF-8; bytes that are not show as backslash escapes."""

    NAME = "mitogen"

    def __init__(self, place: Place) -> None:
        super().__init__(place.name)
        self.place = place

    def __repr__(self) -> str:
        return f"<{self.place.name}>"

    def run(self, command: str, *args: str, **kwargs: Any) -> CommandResult:
        """Run a shell command; keywords as of `start`."""
        return self.start(command, *args, **kwargs).result()

    def start(
        self, command: str, *args: str, timeout: float = RUN_TIMEOUT, stdin: bytes | str = b""
    ) -> RunningCommand[CommandResult]:
        """Start a shell command, arguments quoted into it where it says %s."""
        line = self.get_command(command, *(str(arg) for arg in args))
        given = stdin.encode() if isinstance(stdin, str) else stdin

        def made(status: int, stdout: bytes, stderr: bytes) -> CommandResult:
            return self.result(status, self.encode(line), stdout, stderr)

        return self.place.start(line, made, stdin=given, timeout=timeout)

    def decode(self, data: bytes) -> str:
        """Bytes of an output as text."""
        return data.decode("utf-8", errors="backslashreplace")

    def encode(self, data: str) -> bytes:
        """Text as bytes of an output."""
        return data.encode("utf-8", errors="surrogateescape")
