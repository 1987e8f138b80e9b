"""A program on a pseudo-terminal: types lines, and records everything that shows on the screen."""

import io
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType

import pexpect

from lab.waiting import WaitTimeoutError

COLUMNS = 200  # wide enough that a prompt stays on one line


class Terminal:
    """A program on a pseudo-terminal that is its controlling one; leaving the context ends it.

    Args:
        argv: the program, found on PATH of `env`.
        env: its whole environment.
        cwd: its working directory.
        patience: seconds that each wait may take.
    """

    def __init__(self, argv: Sequence[str], env: Mapping[str, str], cwd: Path, patience: float = 20.0) -> None:
        self._shown = io.BytesIO()
        self._child = pexpect.spawn(
            argv[0], list(argv[1:]), timeout=patience, env=dict(env), cwd=cwd, dimensions=(24, COLUMNS)
        )
        self._child.logfile_read = self._shown
        self._child.delaybeforesend = None

    def __enter__(self) -> "Terminal":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._child.close(force=True)

    @property
    def screen(self) -> str:
        """Everything that was ever shown."""
        return self._shown.getvalue().decode(errors="replace")

    def expect(self, *words: str) -> str:
        """Wait until one of these texts is shown after the last awaited one; returns the first. Case is ignored.

        Raises:
            WaitTimeoutError: none of them was shown in time; the message contains the screen.
        """
        patterns = [re.compile(re.escape(word.encode()), re.IGNORECASE) for word in words]
        try:
            return words[int(self._child.expect(patterns))]
        except (pexpect.TIMEOUT, pexpect.EOF):
            raise WaitTimeoutError(f"none of {words} was shown; the screen:\n{self.screen}") from None

    def expect_hidden_input(self) -> None:
        """Wait until typing is hidden. Raises WaitTimeoutError if it stays visible."""
        if not self._child.waitnoecho():
            raise WaitTimeoutError(f"waited for typing to be hidden; the screen:\n{self.screen}")

    def type(self, line: str) -> None:
        """Type a line, with the return key."""
        self._child.send(f"{line}\r")

    def wait(self) -> int:
        """Read until the program ends; returns its exit status, -N if signal N ended it.

        Raises:
            WaitTimeoutError: it does not end in time; the message contains the screen.
        """
        try:
            self._child.expect(pexpect.EOF)
        except pexpect.TIMEOUT:
            raise WaitTimeoutError(f"the program does not end; the screen:\n{self.screen}") from None
        self._child.wait()
        status = self._child.exitstatus
        return int(-self._child.signalstatus if status is None else status)
