"""The same for both nodes at one time, and an end soon when one fails or the person interrupts."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed, wait
from typing import TypeVar

from lab.nodes import NODES

ABANDON_AGAIN_SECONDS = 2.0

Result = TypeVar("Result")


def on_both(action: Callable[[str], Result], abandon: Callable[[], None] = lambda: None) -> dict[str, Result]:
    """Do something for both nodes side by side. Returns node -> result.

    Args:
        action: receives the node.
        abandon: called when one failed or on an interrupt, until the other has ended: makes it end soon.

    Raises:
        Exception: the first that an action raised.
    """
    with ThreadPoolExecutor(len(NODES)) as pool:
        futures = {node: pool.submit(action, node) for node in NODES}
        try:
            for future in as_completed(futures.values()):
                future.result()
        except BaseException:
            unfinished = set(futures.values())
            while unfinished:
                abandon()  # again, because the other may have been about to start something
                unfinished = wait(unfinished, ABANDON_AGAIN_SECONDS).not_done
            raise
    return {node: future.result() for node, future in futures.items()}
