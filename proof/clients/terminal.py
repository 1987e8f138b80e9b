"""A program on a pseudo-terminal: types lines, and records everything that shows on the screen."""

import os
import pty
import select
import subprocess
import termios
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType

from lab.waiting import WaitTimeoutError, wait_until

LOCAL_FLAGS = 3  # where termios.tcgetattr keeps ECHO and its like
LONGEST_READ = 65536


class Terminal:
    """A program on a pseudo-terminal that is its controlling one; leaving the context ends it.

    Args:
        argv: the program, found on PATH of `env`.
        env: its whole environment.
        cwd: where it starts.
        patience: seconds that each wait may take.
    """

    def __init__(self, argv: Sequence[str], env: Mapping[str, str], cwd: Path, patience: float = 20.0) -> None:
        self._patience = patience
        self._screen = b""
        self._seen = 0
        self._master, slave = pty.openpty()
        try:
            self._child = subprocess.Popen(
                ["/usr/bin/setsid", "--ctty", *argv],
                stdin=slave,
                stdout=slave,
                stderr=slave,
                env=env,
                cwd=cwd,
            )
        finally:
            os.close(slave)

    def __enter__(self) -> "Terminal":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._child.poll() is None:
            self._child.kill()
        self._child.wait()
        os.close(self._master)

    @property
    def screen(self) -> str:
        """Everything that was ever shown."""
        return self._screen.decode(errors="replace")

    def expect(self, *words: str) -> str:
        """Wait until one of these texts is shown after what was waited for before; returns the first.

        Upper and lower case are the same here.

        Raises:
            WaitTimeoutError: none of them came; the message shows the screen.
        """
        deadline = time.monotonic() + self._patience
        while True:
            fresh = self._screen[self._seen :].lower()
            found = [(fresh.index(word.lower().encode()), word) for word in words if word.lower().encode() in fresh]
            if found:
                at, word = min(found)
                self._seen += at + len(word.encode())
                return word
            if not self._read(deadline):
                raise WaitTimeoutError(f"none of {words} was shown; the screen:\n{self.screen}")

    def expect_hidden_input(self) -> None:
        """Wait until typing is hidden. Raises WaitTimeoutError if it goes on being shown."""
        wait_until(lambda: not self._echoes(), f"typing to be hidden; the screen:\n{self.screen}", self._patience)

    def type(self, line: str) -> None:
        """Type a line, with the return key."""
        os.write(self._master, line.encode() + b"\r")

    def wait(self) -> int:
        """Read until the program ends; returns its exit status, -N where signal N ended it.

        Raises:
            WaitTimeoutError: it does not end; the message shows the screen.
        """
        deadline = time.monotonic() + self._patience
        while self._read(deadline):
            pass
        try:
            return self._child.wait(timeout=max(1.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            raise WaitTimeoutError(f"the program does not end; the screen:\n{self.screen}") from None

    def _echoes(self) -> bool:
        return bool(termios.tcgetattr(self._master)[LOCAL_FLAGS] & termios.ECHO)

    def _read(self, deadline: float) -> bool:
        """Take in what is shown next; False when nothing more comes before the deadline."""
        ready, _, _ = select.select([self._master], [], [], max(0.0, deadline - time.monotonic()))
        if not ready:
            return False
        try:
            fresh = os.read(self._master, LONGEST_READ)
        except OSError:  # EIO: the last program on this terminal has closed it
            return False
        self._screen += fresh
        return bool(fresh)
