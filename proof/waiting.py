"""Waiting for something to become true: a condition, a deadline, and the last thing seen."""

import time
from collections.abc import Callable
from typing import TypeVar

Seen = TypeVar("Seen")
FIRST_PAUSE = 0.05
LONGEST_PAUSE = 1.0


class WaitTimeoutError(AssertionError):
    """What was waited for did not come: the criterion failed."""


def wait_until(
    condition: Callable[[], Seen],
    what: str,
    timeout: float,
    *,
    tolerate: tuple[type[Exception], ...] = (),
) -> Seen:
    """Ask until the answer is truthy, and return it; at least once, however short the time.

    Args:
        condition: asked again and again; what it returns is the observation. Where one says more than yes
            and no, return a falsy one that shows itself, such as an empty list.
        what: what is waited for, to follow the words "waited for".
        timeout: seconds until it counts as failed, on the monotonic clock.
        tolerate: errors that count as "not yet"; any other ends the wait at once.

    Raises:
        WaitTimeoutError: the time is over; the message carries the last observation.
    """
    started = time.monotonic()
    pause = FIRST_PAUSE
    asked = 0
    while True:
        asked += 1
        try:
            seen = condition()
        except tolerate as error:
            last = f"{type(error).__name__}: {error}"
        else:
            if seen:
                return seen
            last = repr(seen)
        left = started + timeout - time.monotonic()
        if left <= 0:
            times = "once" if asked == 1 else f"{asked} times"
            raise WaitTimeoutError(f"waited {timeout:.0f} s for {what}, asked {times}; the last thing seen was: {last}")
        time.sleep(min(pause, left))
        pause = min(pause * 2, LONGEST_PAUSE)
