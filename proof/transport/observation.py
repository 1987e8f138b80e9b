"""A question and its answer, for the evidence."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Observation:
    """One command, question or event.

    Attributes:
        place: where.
        command: the command, or the question in words ("file /etc/sudoers mode"), or "reconnected".
        exit_status: of a command; None of a question or event.
        stdout, stderr: of a command, its bytes; of a question, the answer or the error as text.
        seconds: until the answer was here.
    """

    place: str
    command: str
    exit_status: int | None
    stdout: str | bytes
    stderr: str | bytes
    seconds: float


Observer = Callable[[Observation], None]


def nobody(_: Observation) -> None:
    """Keep nothing."""
