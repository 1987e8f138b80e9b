"""Runs quick functions on the thread that reads the connection, without waking another one.

Under emulation that saves a third of a question's time. While a question is answered the output of commands
waits, so what can take long is called the ordinary way instead.
"""

import importlib
import sys
from collections.abc import Callable
from typing import Any, TypeVar

import mitogen.core

Function = TypeVar("Function", bound=Callable[..., Any])
takes_router: Callable[[Function], Function] = mitogen.core.takes_router


@takes_router
def opened(router: Any) -> int:
    """Open the desk; returns the handle for questions: module, function and arguments."""

    def answer(question: Any) -> None:
        if question.is_dead:
            return
        try:
            module, function, args = question.unpickle()
            found = getattr(sys.modules[module], function)(*args)
        except Exception as error:
            found = mitogen.core.CallError(error)
        question.reply(found, router=router)

    handle: int = router.add_handler(answer, policy=mitogen.core.has_parent_authority)
    return handle


def prepare(module: str) -> None:
    """Import a module whose functions will be asked for; not at the desk, where imports would wait for themselves."""
    importlib.import_module(module)
