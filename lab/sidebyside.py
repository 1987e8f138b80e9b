"""The same for both nodes at one time, and an end soon when one fails or the person interrupts."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import TypeVar

from lab.provider import NODES

Result = TypeVar("Result")


def both(action: Callable[[str], Result], abandon: Callable[[], None] = lambda: None) -> dict[str, Result]:
    """Do something for both nodes side by side. Returns node -> result.

    Args:
        action: receives the node.
        abandon: called when one failed or on an interrupt, before the other is awaited: makes it end soon.

    Raises:
        Exception: the first that an action raised.
    """
    with ThreadPoolExecutor(len(NODES)) as pool:
        futures = {node: pool.submit(action, node) for node in NODES}
        try:
            for future in as_completed(futures.values()):
                future.result()
        except BaseException:
            abandon()
            raise
    return {node: future.result() for node, future in futures.items()}
