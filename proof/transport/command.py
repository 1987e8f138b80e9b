"""A command that runs at the remote side in the background."""

import json
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Generic, TypeVar

import mitogen.core

from proof.transport.connection import LOST
from proof.transport.rpc.command import END, ERR, GRACE, OUT

SILENCE = 15.0  # seconds beyond the time limit, or since the last output, after which the connection is dead

Result = TypeVar("Result")
Finish = Callable[[int, str, bytes, bytes], Result]


class RunningCommand(Generic[Result]):
    """A started command.

    Args:
        receiver: Mitogen's receiver of the command's messages.
        timeout: seconds that the command has, from now.
        finish: makes the result of exit status, how it ended, stdout and stderr; may raise.
        lose: makes the error for a connection that died, of what Mitogen says.
        stop: ends the command on the remote side.
    """

    def __init__(
        self,
        receiver: Any,
        timeout: float,
        finish: Finish[Result],
        lose: Callable[[Exception], Exception],
        stop: Callable[[], None],
    ) -> None:
        self._receiver = receiver
        self._deadline = time.monotonic() + timeout + GRACE
        self._finish = finish
        self._lose = lose
        self._stop = stop
        self._pieces: dict[bytes, list[bytes]] = {OUT: [], ERR: []}
        self._ended: tuple[int, str] | None = None
        self._outcome: tuple[Result | None, Exception | None] | None = None

    def done(self) -> bool:
        """Whether the command is over; never waits."""
        try:
            while self._ended is None and self._receiver.size():
                self._take(0.0)
        except LOST:
            return True
        return self._ended is not None

    def result(self) -> Result:
        """Wait for the end and return the result; the same one however often it is asked.

        Raises:
            TimeLimitError: it did not end in time.
            TooMuchOutputError: it wrote too much.
            ConnectionLostError: the connection died.
        """
        if self._outcome is None:
            self._outcome = self._collected()
        value, error = self._outcome
        if error is not None:
            raise error
        return value  # type: ignore[return-value]

    def stop(self) -> None:
        """End the command with its whole process group; its result then shows the signal as exit status 137."""
        if not self.done():
            self._stop()

    def _collected(self) -> tuple[Result | None, Exception | None]:
        try:
            while self._ended is None:
                self._take(max(0.0, self._deadline - time.monotonic()) + SILENCE)
        except LOST as error:
            return None, self._lose(error)
        finally:
            self._receiver.router.broker.defer(_close, self._receiver)
        out, err = (b"".join(self._pieces[kind]) for kind in (OUT, ERR))
        try:
            return self._finish(*self._ended, out, err), None
        except AssertionError as error:
            return None, error

    def _take(self, patience: float) -> None:
        """Take one message; `patience` seconds without any mean that the connection is dead."""
        message = self._receiver.get(timeout=patience)
        if message.enc != mitogen.core.Message.ENC_BIN:
            message.unpickle()
        kind, data = message.data[:1], message.data[1:]
        if kind == END:
            ended = json.loads(data)
            self._ended = (int(ended["status"]), str(ended["ended"]))
        else:
            self._pieces[kind].append(data)


def _close(receiver: Any) -> None:
    """Close a receiver on Mitogen's own thread, which must not find it gone while it ends a connection."""
    with suppress(KeyError):
        receiver.close()
