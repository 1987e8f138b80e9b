"""Waiting for a condition: a deadline, and the last observation in the error."""

import time
from collections.abc import Callable
from typing import TypeVar

Seen = TypeVar("Seen")
FIRST_PAUSE = 0.05
LONGEST_PAUSE = 1.0


class WaitTimeoutError(AssertionError):
    """The condition did not come true in time: the criterion failed."""


def wait_until(
    condition: Callable[[], Seen],
    what: str,
    timeout: float,
    *,
    tolerate: tuple[type[Exception], ...] = (),
    error: Callable[[str], Exception] = WaitTimeoutError,
    longest_pause: float = LONGEST_PAUSE,
) -> Seen:
    """Call a condition until its result is truthy, and return that result. It is called at least once.

    Args:
        condition: returns the observation; a falsy one should describe itself, such as an empty list.
        what: what is awaited, to follow the words "waited for".
        timeout: seconds, on the monotonic clock.
        tolerate: errors that mean "not yet"; any other error ends the wait immediately.
        error: makes the exception for a timeout from its message.
        longest_pause: seconds between two calls, at most.

    Raises:
        WaitTimeoutError: the time is over (or what `error` makes); the message has the last observation.
    """
    started = time.monotonic()
    pause = FIRST_PAUSE
    calls = 0
    while True:
        calls += 1
        try:
            seen = condition()
        except tolerate as trouble:
            last = f"{type(trouble).__name__}: {trouble}"
        else:
            if seen:
                return seen
            last = repr(seen)
        left = started + timeout - time.monotonic()
        if left <= 0:
            times = "once" if calls == 1 else f"{calls} times"
            raise error(f"waited {timeout:.0f} s for {what}, asked {times}; the last thing seen was: {last}")
        time.sleep(min(pause, left))
        pause = min(pause * 2, longest_pause)
