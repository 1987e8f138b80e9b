"""Runs slow functions in the background of the quick ones."""

import importlib
import threading
from typing import Any

import mitogen.core


def begin(module: str, function: str, args: tuple[Any, ...], sender: Any) -> None:
    """Run a function of a module in a thread; what it returns or raises goes to the sender, one message."""
    # Imported here and not in the thread: two imports at once could wait for each other.
    found = getattr(importlib.import_module(module), function)
    threading.Thread(target=_run, args=(found, args, sender), daemon=True).start()


def _run(function: Any, args: tuple[Any, ...], sender: Any) -> None:
    try:
        answer = function(*args)
    except Exception as error:
        answer = mitogen.core.CallError(error)
    sender.send(answer)
