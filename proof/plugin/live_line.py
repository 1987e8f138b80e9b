"""Shows what runs now and how long the rest will take, next to pytest's own output, once it takes a moment."""

import os
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from lab import progress
from proof.evidence.record import Run

EVERY_ON_A_TERMINAL = 1.0
MOMENT = 2.0  # seconds that need no word
BAR, NARROW = 20, 79  # characters
USUAL = {False: 0.5, True: 15.0}  # seconds of a scenario that was never measured: calm, disruptive


class LiveLine:
    """Writes to the real standard error, which pytest captures while a test runs; made while it does not."""

    def __init__(self, run: Run) -> None:
        self._run = run
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
        known = progress.all_measured()
        usual, rest = known.get(key), self._rest(known, but=key)
        about = f" of about {progress.clock(usual)}" if usual else ""
        started = time.monotonic()
        over = threading.Event()

        def show() -> None:
            pause = MOMENT if self._terminal else progress.LINE_EVERY
            while not over.wait(pause):
                spent = time.monotonic() - started
                left = rest + max(0.0, (usual or 0.0) - spent)
                text = f"  {self._how_far()}, about {progress.clock(left)} left  {name}  {progress.clock(spent)}{about}"
                self._write(f"\r\033[K{text[: self._columns()]}" if self._terminal else f"{text}\n")
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

    def _rest(self, known: Mapping[str, float], but: str) -> float:
        """Seconds that the scenarios to come will take, but one."""
        waiting = {f"scenario {one.id}": one.disruptive for one in self._run.scenarios if one.state == "not run"}
        return sum(known.get(key, USUAL[disruptive]) for key, disruptive in waiting.items() if key != but)

    def _how_far(self) -> str:
        """A bar of the scenarios that are done, and their number."""
        every = len(self._run.scenarios)
        done = sum(one.state != "not run" for one in self._run.scenarios)
        filled = BAR * done // max(every, 1)
        return f"[{'=' * filled}{' ' * (BAR - filled)}] {done} of {every}"

    def _columns(self) -> int:
        """Characters that fit in a line."""
        try:
            return os.get_terminal_size(self._descriptor).columns - 1
        except OSError:
            return NARROW

    def _write(self, text: str) -> None:
        try:
            os.write(self._descriptor, text.encode())
        except OSError:
            return  # no one reads any more; the run continues
