"""A place where commands run and questions are answered: a host, or a part of it behind a command prefix."""

import builtins
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, TypeVar

import mitogen.core

from proof.transport.command import RunningCommand
from proof.transport.connection import LOST, Channel, Connection
from proof.transport.errors import NoAnswerError, RemoteError, TimeLimitError, TooMuchOutputError, Unreachable
from proof.transport.forwarding import carry
from proof.transport.observation import Observation, Observer
from proof.transport.rpc import background, forwarding
from proof.transport.rpc import command as remote
from proof.transport.rpc.errors import UnanswerableError
from proof.transport.spec import ConnectionSpec
from proof.transport.ssh import CONNECT_TIMEOUT, log_in, router

RUN_TIMEOUT = 60.0  # seconds that a command has unless told otherwise
ASK_TIMEOUT = 30.0  # seconds for the answer to a question
OUTPUT_LIMIT = 64 << 20  # bytes of stdout and stderr together
SHOWN = 2000  # characters of an answer that an observation keeps

Result = TypeVar("Result")


class Place:
    """Where commands run and questions are answered.

    Args:
        name: what it is called in evidence.
        line: leads to the interpreter that starts commands.
        questions: leads to the interpreter that answers questions; the same one except behind a prefix.
        prefix: program and arguments put before every command.
        observer: told of everything.
    """

    def __init__(
        self, name: str, line: Connection, questions: Connection, prefix: Sequence[str], observer: Observer
    ) -> None:
        self.name = name
        self.line = line
        self.questions = questions
        self.prefix = list(prefix)
        self._observer = observer

    def ask(
        self,
        question: str,
        function: Callable[..., Any],
        *args: Any,
        shown: Callable[[Any], str] = repr,
        quick: bool = True,
        timeout: float = ASK_TIMEOUT,
    ) -> Any:
        """Answer a question natively; it is asked again if the connection dies in the meantime.

        Args:
            question: for the evidence, as "file /etc/sudoers mode".
            function: answers it on the remote side.
            args: its arguments.
            shown: makes the evidence of the answer; secrets are left out here.
            quick: it answers at once; False lets the output of commands pass in the meantime.
            timeout: seconds after which the connection counts as dead.

        Raises:
            NoAnswerError: what is asked about does not exist or cannot be told.
            RemoteError: the function has a fault.
        """
        started = time.monotonic()
        try:
            answer = self.questions.ask(function, *args, timeout=timeout, quick=quick)
        except mitogen.core.CallError as error:
            raise self._told(question, str(error), started) from None
        self._observe(question, None, shown(answer)[:SHOWN], "", started)
        return answer

    def begin(
        self, question: str, function: Callable[..., Any], args: tuple[Any, ...], timeout: float
    ) -> Callable[[], Any]:
        """Begin a function on the remote side that takes its time.

        Returns:
            Waits, at most `timeout` seconds after which the connection counts as dead, and returns what the
            function returned; raises as `ask`, or ConnectionLostError.
        """
        started = time.monotonic()
        link = self.questions.ready()
        receiver = mitogen.core.Receiver(router(), persist=False, respondent=link.context)
        request = (function.__module__, function.__name__, args, receiver.to_sender())

        def answer() -> Any:
            try:
                given = receiver.get(timeout=max(0.0, started + timeout - time.monotonic())).unpickle()
            except mitogen.core.CallError as error:
                raise self._told(question, str(error), started) from None
            except LOST as error:
                raise self._lost(self.questions, link, question, error, started) from error
            link.heard = time.monotonic()
            self._observe(question, None, repr(given)[:SHOWN], "", started)
            return given

        try:
            link.call(background.begin, request, ASK_TIMEOUT)
        except mitogen.core.CallError as error:
            raise self._told(question, str(error), started) from None
        except LOST as error:
            raise self._lost(self.questions, link, question, error, started) from error
        return answer

    def start(
        self, command: str, make: Callable[[int, bytes, bytes], Result], *, stdin: bytes, timeout: float
    ) -> RunningCommand[Result]:
        """Start a shell command.

        Args:
            command: for /bin/sh, behind the prefix.
            make: makes the result of exit status, stdout and stderr.
            stdin: what it reads.
            timeout: seconds until it is ended.
        """
        started = time.monotonic()
        link = self.line.ready()
        receiver = mitogen.core.Receiver(router(), respondent=link.context)
        argv = [*self.prefix, "/bin/sh", "-c", command]
        blob = mitogen.core.Blob(stdin)

        def finish(status: int, ended: str, stdout: bytes, stderr: bytes) -> Result:
            link.heard = time.monotonic()
            self._observe(command, status, stdout, stderr, started)
            if ended == "timeout":
                raise TimeLimitError(self.name, command, timeout, stdout, stderr)
            if ended == "limit":
                raise TooMuchOutputError(self.name, command, OUTPUT_LIMIT)
            return make(status, stdout, stderr)

        def lose(error: Exception) -> Exception:
            return self._lost(self.line, link, command, error, started)

        def stop() -> None:
            self.line.ask(remote.stop, number, timeout=ASK_TIMEOUT, quick=True)

        request = (argv, blob, timeout, OUTPUT_LIMIT, receiver.to_sender())
        try:
            number = link.call(remote.start, request, ASK_TIMEOUT)
        except mitogen.core.CallError as error:
            raise RemoteError(f"{self.name}: `{command}`: {error}") from None
        except LOST as error:
            raise lose(error) from error
        return RunningCommand(receiver, timeout, finish, lose, stop)

    def dial(self, near: socket.socket, address: str, port: int) -> None:
        """Join a socket of this machine to a server as this place sees it, until either end closes.

        Args:
            near: the socket; it belongs to the connection from now on.
            address: of a TCP server; or the path of a unix socket.
            port: of a TCP server.

        Raises:
            NoAnswerError: no one took the connection.
            ConnectionLostError: the way to the place died in the meantime.
        """
        started = time.monotonic()
        question = f"connect to {address}" + (f":{port}" if port else "")
        link = self.questions.ready()
        receiver = mitogen.core.Receiver(router(), respondent=link.context)
        try:
            handle = link.call(forwarding.connect, (address, port, receiver.to_sender()), ASK_TIMEOUT)
        except mitogen.core.CallError as error:
            raise self._told(question, str(error), started) from None
        except LOST as error:
            raise self._lost(self.questions, link, question, error, started) from error
        self._observe(question, None, "connected", "", started)
        carry(near, receiver, mitogen.core.Sender(link.context, handle))

    def within(self, name: str, prefix: Sequence[str]) -> "Place":
        """A place on the same host behind a prefix such as `ip netns exec NAME`."""
        whole = [*self.prefix, *prefix]
        observer = self._observer
        questions = Connection(
            self.line.way,
            lambda: _link_behind(self.line, name, whole),
            lambda news: observer(_reconnected(name, news)),
        )
        return Place(name, self.line, questions, whole, observer)

    def close(self) -> None:
        """End the connection; of a place behind a prefix, only its own interpreter."""
        self.questions.close()

    def abandon(self) -> None:
        """End the connection without asking the remote side, which is about to be gone."""
        self.questions.abandon()

    def _told(self, question: str, error: str, started: float) -> Exception:
        """What an exception on the remote side means here; seen in the evidence too."""
        kind, _, rest = error.partition(": ")
        message = rest.partition("\n  File ")[0].strip()
        name = kind.rpartition(".")[2]
        builtin = getattr(builtins, name, None)
        expected = isinstance(builtin, type) and issubclass(builtin, OSError)
        if expected or name == UnanswerableError.__name__:
            told: Exception = NoAnswerError(f"{self.name}: {question}: {message}")
        else:
            told = RemoteError(f"{self.name}: {question}: {error}")
        self._observe(question, None, "", str(told), started)
        return told

    def _lost(self, line: Connection, link: Channel, command: str, error: Exception, started: float) -> Exception:
        lost = line.lost(link, command, error)
        self._observe(command, None, "", str(lost), started)
        return lost

    def _observe(
        self, command: str, status: int | None, stdout: str | bytes, stderr: str | bytes, started: float
    ) -> None:
        spent = time.monotonic() - started
        self._observer(Observation(self.name, command, status, stdout, stderr, spent))


def place_at(way: ConnectionSpec, observer: Observer) -> Place:
    """The place a way leads to; connects at once.

    Raises:
        Unreachable: with ssh's own words.
    """
    line = Connection(way, lambda: _link_over_ssh(way), lambda news: observer(_reconnected(way.called, news)))
    line.ready()
    return Place(way.called, line, line, [], observer)


def place_here(name: str, observer: Observer) -> Place:
    """This machine, as the user who runs this; nothing is connected before something is asked."""
    line = Connection(
        ConnectionSpec(user="", address="localhost", name=name),
        link_here,
        lambda news: observer(_reconnected(name, news)),
    )
    return Place(name, line, line, [], observer)


def link_here() -> Channel:
    """A kept interpreter on this machine."""
    context = router().local(python_path=sys.executable)
    pid = context.call(os.getpid)

    def cut() -> None:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)

    return Channel(context, lambda: "the local interpreter is gone", cut)


def _link_over_ssh(way: ConnectionSpec) -> Channel:
    context, login = log_in(way)
    return Channel(context, login.last_words, login.proc.kill)


def _link_behind(line: Connection, name: str, prefix: list[str]) -> Channel:
    """An interpreter of its own behind a prefix, started by the host's."""
    base = line.ready()
    try:
        context = router().local(
            via=base.context,
            name=name,
            remote_name="proof",
            python_path=[*prefix, "env", "PYTHONDONTWRITEBYTECODE=1", "python3", "-S"],
            connect_timeout=CONNECT_TIMEOUT,
        )
    except LOST as error:
        raise Unreachable(line.way, f"no interpreter behind `{' '.join(prefix)}`: {error}") from error
    return Channel(context, base.words, lambda: line.drop(base))


def _reconnected(name: str, news: str) -> Observation:
    return Observation(name, f"reconnected {news}", None, "", "", 0.0)
