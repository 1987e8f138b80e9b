"""What the tests of the transport share: a host that is this machine, and an asker without any connection."""

import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from testinfra.backend.base import CommandResult
from testinfra.backend.local import LocalBackend

from proof.transport.host import Host
from proof.transport.line import Line, Link
from proof.transport.location import Place
from proof.transport.observation import Observation
from proof.transport.ssh import router
from proof.transport.way import Way

HERE = Way(user="nobody", address="here.invalid", name="here")


def link_to_here() -> Link:
    """A kept interpreter on this machine."""
    context = router().local(python_path=sys.executable)
    pid = context.call(os.getpid)

    def cut() -> None:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)

    return Link(context, lambda: "the local interpreter is gone", cut)


def host_here(seen: list[Observation]) -> Host:
    """This machine through a kept interpreter, as a host."""

    def report(news: str) -> None:
        seen.append(Observation("here", f"reconnected {news}", None, "", "", 0.0))

    line = Line(HERE, link_to_here, report)
    return Host(Place("here", line, line, [], seen.append))


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
