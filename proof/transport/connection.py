"""A connection to the remote interpreter: made when needed, checked before use, made again after it broke."""

import contextlib
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import mitogen.core

from proof.transport.errors import ConnectionLostError, Unreachable
from proof.transport.rpc import dispatcher, handshake
from proof.transport.spec import ConnectionSpec

FRESH = 0.25  # seconds since its last answer for which a connection needs no proof that it lives
PING = 20.0  # seconds for that proof; ssh itself finds a dead connection sooner
GOODBYE = 2.0  # seconds for the remote side to end by itself

LOST = (mitogen.core.ChannelError, mitogen.core.StreamError, mitogen.core.TimeoutError)


@dataclass
class Channel:
    """One live connection, from login to its end.

    Attributes:
        context: Mitogen's handle of the interpreter.
        words: what ssh has said.
        cut: ends the connection without asking the remote side.
        greeting: what `hello` told.
        heard: when the remote side last answered, monotonic.
        ended: set once the connection is over.
    """

    context: Any
    words: Callable[[], str]
    cut: Callable[[], None]
    greeting: dict[str, str] = field(default_factory=dict)
    heard: float = 0.0
    ended: threading.Event = field(default_factory=threading.Event)
    _desk: int = 0
    _prepared: set[str] = field(default_factory=set)

    def begin(self) -> None:
        """Say hello, before anything else. Raises one of `LOST`."""
        mitogen.core.listen(self.context, "disconnect", self.ended.set)
        self.greeting = self.call(handshake.hello, (), PING)
        self._desk = self.call(dispatcher.opened, (), PING)

    def call(self, function: Callable[..., Any], args: tuple[Any, ...], timeout: float) -> Any:
        """Call a function on the remote side and wait for what it returns. Raises one of `LOST` or a CallError."""
        return self._answer(self.context.call_async(function, *args), timeout)

    def ask(self, function: Callable[..., Any], args: tuple[Any, ...], timeout: float) -> Any:
        """Call a function that answers at once: sooner than by `call`."""
        module = function.__module__
        if module not in self._prepared:
            self.call(dispatcher.prepare, (module,), timeout)
            self._prepared.add(module)
        question = mitogen.core.Message.pickled((module, function.__name__, args), handle=self._desk)
        return self._answer(self.context.send_async(question), timeout)

    def _answer(self, receiver: Any, timeout: float) -> Any:
        message = receiver.get(timeout=timeout)
        self.heard = time.monotonic()
        return message.unpickle()

    @property
    def lives(self) -> bool:
        """Whether the remote side answers: as of a moment ago, or asked now."""
        if self.ended.is_set():
            return False
        if time.monotonic() - self.heard < FRESH:
            return True
        try:
            self.call(handshake.ping, (), PING)
        except LOST:
            return False
        return True

    def hang_up(self) -> None:
        """End the connection: politely if the remote side listens, in any case soon."""
        if not self.ended.is_set():
            with contextlib.suppress(*LOST):
                self.context.shutdown()
            self.ended.wait(GOODBYE)
        if not self.ended.is_set():
            self.cut()
            self.ended.wait(GOODBYE)


class Connection:
    """Connects to one interpreter again and again, one at a time.

    Args:
        way: for errors.
        dial: makes a new link.
        report: told in words whenever a dead connection was replaced.
    """

    def __init__(self, way: ConnectionSpec, dial: Callable[[], Channel], report: Callable[[str], None]) -> None:
        self.way = way
        self._dial = dial
        self._report = report
        self._link: Channel | None = None
        self._lock = threading.RLock()
        self._last_boot: str | None = None

    def ready(self) -> Channel:
        """A link that answered just now, a new one if need be.

        Raises:
            Unreachable: there is no way in.
        """
        with self._lock:
            if self._link and self._link.lives:
                return self._link
            if self._link:
                self.drop(self._link)
            link = self._dial()
            try:
                link.begin()
            except LOST as error:
                link.cut()
                raise Unreachable(self.way, link.words() or str(error)) from error
            self._link = link
            self._tell(link.greeting["boot"])
            return link

    def ask(self, function: Callable[..., Any], *args: Any, timeout: float, quick: bool) -> Any:
        """What a function without effect returns on the remote side; asked again if the connection dies.

        Args:
            function: of a module.
            args: made of the basic types.
            timeout: seconds after which the connection counts as dead.
            quick: it answers at once.

        Raises:
            ConnectionLostError: the connection died twice.
            mitogen.core.CallError: the function raised.
        """
        for last in (False, True):
            link = self.ready()
            try:
                return (link.ask if quick else link.call)(function, args, timeout)
            except LOST as error:
                self.drop(link)
                if last:
                    raise self.lost(link, function.__name__, error) from error
        return None

    def lost(self, link: Channel, command: str, error: Exception) -> ConnectionLostError:
        """Give a link up; returns the error that says so."""
        self.drop(link)
        silent = isinstance(error, mitogen.core.TimeoutError)
        told = "no answer came" if silent else "the remote side closed the connection, or no longer answered ssh"
        return ConnectionLostError(self.way, command, link.words() or told)

    def close(self) -> None:
        """End the connection on purpose, so that the remote side leaves nothing; the next one is no news."""
        with self._lock:
            link, self._link, self._last_boot = self._link, None, None
        if link:
            link.hang_up()

    def abandon(self) -> None:
        """End the connection without asking the remote side, which is about to be gone; the next one is no news."""
        with self._lock:
            link, self._link, self._last_boot = self._link, None, None
        if link:
            link.cut()

    def drop(self, link: Channel) -> None:
        """Give up a link that is dead or as good as dead."""
        with self._lock:
            if self._link is link:
                self._link = None
        link.cut()
        link.ended.wait(GOODBYE)

    def _tell(self, boot: str) -> None:
        if self._last_boot is not None:
            self._report("to the same boot" if boot == self._last_boot else "to a new boot")
        self._last_boot = boot
