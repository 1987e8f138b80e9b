"""Shows what runs now, next to pytest's own output, if it takes longer than a few seconds."""

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from lab import progress

EVERY_ON_A_TERMINAL = 1.0


class LiveLine:
    """Writes to the real standard error, which pytest captures while a test runs; made while it does not."""

    def __init__(self) -> None:
        self._descriptor = os.dup(2)
        self._terminal = os.isatty(self._descriptor)

    def close(self) -> None:
        """Give the descriptor back."""
        os.close(self._descriptor)

    @contextmanager
    def during(self, name: str, key: str) -> Iterator[None]:
        """Show a name with elapsed and usual time while the body runs, once it takes long.

        Args:
            name: what runs, in a person's words.
            key: under which its usual time is remembered on this machine.
        """
        usual = progress.measured(key)
        about = f" of about {progress.clock(usual)}" if usual else ""
        started = time.monotonic()
        over = threading.Event()

        def show() -> None:
            pause = progress.QUIET_SECONDS
            while not over.wait(pause):
                text = f"  running  {name}  {progress.clock(time.monotonic() - started)}{about}"
                self._write(f"\r\033[K{text}" if self._terminal else f"{text}\n")
                pause = EVERY_ON_A_TERMINAL if self._terminal else progress.LINE_EVERY

        ticker = threading.Thread(target=show, daemon=True)
        ticker.start()
        try:
            yield
        finally:
            over.set()
            ticker.join()
            spent = time.monotonic() - started
            if spent >= progress.QUIET_SECONDS:
                progress.remember(key, spent)
                if self._terminal:
                    self._write("\r\033[K")

    def _write(self, text: str) -> None:
        try:
            os.write(self._descriptor, text.encode())
        except OSError:
            return  # no one reads any more; the run continues
