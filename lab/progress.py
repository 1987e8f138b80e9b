"""Progress of long steps: what runs, for how long, and how long it took before on this machine."""

import json
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lab import atomic
from lab.paths import cache

QUIET_SECONDS = 5.0  # shorter steps are not worth a line
LINE_EVERY = 60.0  # without a terminal: a line this often


def _memory() -> Path:
    return cache() / "durations.json"


def all_measured() -> dict[str, float]:
    """Seconds that each step took last on this machine, by name; those that no one can read are left out."""
    try:
        known = json.loads(_memory().read_text()).items()
    except (OSError, ValueError, AttributeError):
        return {}
    return {name: float(value) for name, value in known if isinstance(value, int | float)}


def measured(name: str) -> float | None:
    """Seconds that the step of this name took last on this machine, or None."""
    return all_measured().get(name)


def remember(name: str, seconds: float) -> None:
    """Keep how long the step of this name took on this machine."""
    known = {**all_measured(), name: round(seconds, 1)}
    try:
        atomic.write(_memory(), json.dumps(known, indent=1, sort_keys=True))
    except OSError:
        return  # an estimate is a courtesy; a full disk is reported by the step that needs the room


def clock(seconds: float) -> str:
    """Seconds as minutes and seconds."""
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


@contextmanager
def step(name: str, expected: float | None = None, key: str | None = None) -> Iterator[None]:
    """Show a step on stderr while the body runs.

    Args:
        name: what runs, in a person's words.
        expected: seconds it usually takes, until this machine has measured its own.
        key: name under which durations are stored; the step's name if None.
    """
    usual = measured(key or name) or expected
    about = f" of about {clock(usual)}" if usual and usual >= QUIET_SECONDS else ""
    started = time.monotonic()
    ended = threading.Event()
    tty = sys.stderr.isatty()

    def show() -> None:
        while not ended.wait(1.0 if tty else LINE_EVERY):
            spent = time.monotonic() - started
            if tty:
                sys.stderr.write(f"\r\033[K  {name}  {clock(spent)}{about}")
            else:
                sys.stderr.write(f"  {name}  {clock(spent)}{about}\n")
            sys.stderr.flush()

    if not tty and usual and usual >= QUIET_SECONDS:
        sys.stderr.write(f"  {name}  (about {clock(usual)})\n")
        sys.stderr.flush()
    ticker = threading.Thread(target=show, daemon=True)
    ticker.start()
    outcome = "failed"
    try:
        yield
        outcome = "done"
    except KeyboardInterrupt:
        outcome = "interrupted"
        raise
    finally:
        ended.set()
        ticker.join()
        spent = time.monotonic() - started
        if tty:
            sys.stderr.write("\r\033[K")
        if outcome != "done" or spent >= QUIET_SECONDS or tty:
            sys.stderr.write(f"  {name}  {outcome} in {spent:.1f} s\n")
        sys.stderr.flush()
    remember(key or name, time.monotonic() - started)
