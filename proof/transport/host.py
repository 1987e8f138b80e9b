"""A host with testinfra's API: nouns answered natively, commands as processes, one connection behind both."""

import functools
import socket
from collections.abc import Callable, Sequence
from typing import Any

import testinfra.host
from testinfra.backend.base import CommandResult

from proof.transport.backend import Backend
from proof.transport.command import RunningCommand
from proof.transport.errors import Unreachable
from proof.transport.location import ASK_TIMEOUT, RUN_TIMEOUT, SHOWN, Place, place_at, place_here
from proof.transport.modules.account import Group, User
from proof.transport.modules.file import File
from proof.transport.modules.interface import Interfaces
from proof.transport.modules.package import Package
from proof.transport.modules.service import Service
from proof.transport.modules.socket import Sockets
from proof.transport.modules.system import MountPoints, Sysctl, SystemInfo
from proof.transport.observation import Observer, nobody
from proof.transport.rpc import tools
from proof.transport.spec import ConnectionSpec


class Host(testinfra.host.Host):
    """A place. What is not listed here is testinfra's own, through commands."""

    def __init__(self, place: Place) -> None:
        super().__init__(Backend(place))
        self._place = place
        self.file = functools.partial(File, self)
        self.user = functools.partial(User, self)
        self.group = functools.partial(Group, self)
        self.package = functools.partial(Package, self)
        self.service = functools.partial(Service, self)
        self.socket = Sockets(self)
        self.sysctl = Sysctl(self)
        self.interface = Interfaces(self)
        self.mount_point = MountPoints(self)
        self.system_info = SystemInfo(self)
        self.backend.set_host(self)

    def __repr__(self) -> str:
        return f"<host {self._place.name}>"

    @property
    def name(self) -> str:
        """What the place is called."""
        return self._place.name

    def run(
        self, command: str, *args: str, timeout: float = RUN_TIMEOUT, stdin: bytes | str = b"", **_: Any
    ) -> CommandResult:
        """Run a shell command; `%s` takes the arguments, quoted.

        Raises:
            TimeLimitError: it did not end within `timeout` seconds; it and its children were ended.
            TooMuchOutputError: it wrote more than is taken.
            ConnectionLostError: the connection died while it ran.
            Unreachable: there is no way to the host.
        """
        return self.backend.run(command, *args, timeout=timeout, stdin=stdin)

    def start(
        self, command: str, *args: str, timeout: float = RUN_TIMEOUT, stdin: bytes | str = b""
    ) -> RunningCommand[CommandResult]:
        """Start a shell command and go on; its `result()` is that of `run`."""
        pending: RunningCommand[CommandResult] = self.backend.start(command, *args, timeout=timeout, stdin=stdin)
        return pending

    def call(self, function: Callable[..., Any], *args: Any, timeout: float = ASK_TIMEOUT) -> Any:
        """Run a Python function on the remote side, with the standard library of the host.

        Args:
            function: of a module that imports nothing but the standard library and `proof.transport.rpc`.
            args: None, bool, int, float, str, bytes, and list, tuple and dict of these; so is what it returns.
            timeout: seconds after which the connection counts as dead.

        Raises:
            NoAnswerError: it raised an OSError.
            RemoteError: it raised anything else; with the traceback.
        """
        return self.begin(function, *args, timeout=timeout)()

    def begin(self, function: Callable[..., Any], *args: Any, timeout: float = ASK_TIMEOUT) -> Callable[[], Any]:
        """Begin what `call` does and go on; what it returns is called for the answer."""
        given = ", ".join(repr(arg) for arg in args)
        question = f"{function.__module__.rpartition('.')[2]}.{function.__name__}({given})"
        return self._place.begin(question[:SHOWN], function, args, timeout)

    def ask(
        self,
        question: str,
        function: Callable[..., Any],
        *args: Any,
        shown: Callable[[Any], str] = repr,
        quick: bool = True,
        timeout: float = ASK_TIMEOUT,
    ) -> Any:
        """Answer a question natively; `question` is how the evidence names it. It may be asked twice."""
        return self._place.ask(question, function, *args, shown=shown, quick=quick, timeout=timeout)

    def dial(self, near: socket.socket, address: str, port: int = 0) -> None:
        """Join a socket of this machine to a server as this host sees it: TCP, or a unix socket by its path.

        Raises:
            NoAnswerError: no one took the connection.
        """
        self._place.dial(near, address, port)

    def greeting(self) -> dict[str, str]:
        """What the host told when it was connected: boot, user, type, arch, distribution, release, codename."""
        return self._place.line.ready().greeting

    def answers(self) -> bool:
        """Whether the host answers, on a new connection if need be. For waiting until it does."""
        try:
            self._place.line.ready()
        except Unreachable:
            return False
        return True

    def exists(self, command: str) -> bool:
        """Whether a program is in the search path; builtins of the shell are no programs."""
        return bool(self._program(command))

    def find_command(self, command: str, extrapaths: Any = ()) -> str:
        """Path of a program. Raises ValueError if it is not in the search path."""
        found = self._program(command) or next(
            (f"{folder}/{command}" for folder in extrapaths if self.file(f"{folder}/{command}").is_executable), ""
        )
        if not found:
            raise ValueError(f"there is no program {command!r} at {self.name}")
        return found

    def inside(self, name: str, prefix: Sequence[str]) -> "Host":
        """A part of this host where every command begins with a prefix; questions are answered from there too."""
        return Host(self._place.within(name, prefix))

    def close(self) -> None:
        """End the connection; nothing stays behind on the host. The next use connects again."""
        self._place.close()

    def abandon(self) -> None:
        """End the connection at once, where the host is about to lose its state anyway. The next use connects again."""
        self._place.abandon()

    def _program(self, command: str) -> str:
        return str(self._place.ask(f"path of {command}", tools.path_of, command))


def connect(way: ConnectionSpec, observer: Observer | None = None) -> Host:
    """Log in, once; every command and question then goes over this connection.

    Args:
        way: where and how.
        observer: told of every command, question and reconnection.

    Raises:
        Unreachable: with ssh's own words, and what to do.
    """
    return Host(place_at(way, observer or nobody))


def here(name: str, observer: Observer | None = None) -> Host:
    """This machine, as the user who runs this, with the same API."""
    return Host(place_here(name, observer or nobody))


def place(host: Host, name: str, prefix: Sequence[str]) -> Host:
    """A part of a host behind a prefix, as `place(hub, "outsider", ["ip", "netns", "exec", "outsider"])`."""
    return host.inside(name, prefix)


def close(host: Host) -> None:
    """End a host's connection."""
    host.close()
