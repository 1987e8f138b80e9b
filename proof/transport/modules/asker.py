"""What a noun needs of its place."""

from collections.abc import Callable
from typing import Any, Protocol

from testinfra.backend.base import CommandResult


def hidden(_: Any) -> str:
    """Evidence of an answer that is a secret, or could be."""
    return "(not shown)"


class Asker(Protocol):
    """Answers questions natively, and runs commands where no native answer exists."""

    def ask(
        self,
        question: str,
        function: Callable[..., Any],
        *args: Any,
        shown: Callable[[Any], str] = repr,
        quick: bool = True,
    ) -> Any:
        """What the function returns on the remote side, which it does at once where `quick`. Raises NoAnswerError."""

    def run(self, command: str, *args: str) -> CommandResult:
        """What a command gives."""

    def greeting(self) -> dict[str, str]:
        """What the host told when it was connected."""
