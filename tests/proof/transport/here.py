"""What the tests of the transport share: a host that is this machine, and an asker without any connection."""

from collections.abc import Callable
from typing import Any

from testinfra.backend.base import CommandResult
from testinfra.backend.local import LocalBackend

from proof.transport.host import Host, here
from proof.transport.observation import Observation
from proof.transport.spec import ConnectionSpec

HERE = ConnectionSpec(user="nobody", address="here.invalid", name="here")


def host_here(seen: list[Observation]) -> Host:
    """This machine through a kept interpreter, as a host."""
    return here("here", seen.append)


class LocalAsker:
    """Answers where it stands, through the same functions."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []
        self._backend = LocalBackend("local://")

    def ask(
        self,
        question: str,
        function: Callable[..., Any],
        *args: Any,
        shown: Callable[[Any], str] = repr,
        quick: bool = True,
    ) -> Any:
        assert isinstance(quick, bool)
        answer = function(*args)
        self.asked.append((question, shown(answer)))
        return answer

    def run(self, command: str, *args: str) -> CommandResult:
        return self._backend.run(command, *args)

    def greeting(self) -> dict[str, str]:
        return {"type": "linux", "distribution": "debian", "release": "13", "codename": "trixie", "arch": "x86_64"}
