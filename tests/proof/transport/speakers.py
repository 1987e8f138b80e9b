"""Other ends for tests: listeners on unix sockets whose connections a function answers, and a standard input."""

import io
import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

Conversation = Callable[[socket.socket], None]


@contextmanager
def listening(path: Path, *conversations: Conversation) -> Iterator[None]:
    """Answer the connections to a socket, each with its function, the later ones with the last."""
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen()
        waiting = list(conversations)

        def serve() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection, suppress(OSError):
                    (waiting.pop(0) if len(waiting) > 1 else waiting[0])(connection)

        threading.Thread(target=serve, daemon=True).start()
        yield
        server.shutdown(socket.SHUT_RDWR)


def requests(connection: socket.socket) -> Iterator[dict[str, Any]]:
    """Messages as they come; what stands before the mark of a new conversation is skipped."""
    with connection.makefile("rb") as lines:
        for line in lines:
            yield json.loads(line.rpartition(b"\xff")[2])


def say(connection: socket.socket, message: object) -> None:
    connection.sendall(json.dumps(message).encode() + b"\n")


def sync(connection: socket.socket, request: dict[str, Any]) -> bool:
    """Answer a request for synchronisation as the guest agent does. False if it is another request."""
    if request["execute"] != "guest-sync-delimited":
        return False
    connection.sendall(b"\xff" + json.dumps({"return": request["arguments"]["id"]}).encode() + b"\n")
    return True


def agent(answer: Callable[[str, dict[str, Any]], object]) -> Conversation:
    """A guest agent; `answer` receives command and arguments and returns the value, or raises ValueError."""

    def converse(connection: socket.socket) -> None:
        for request in requests(connection):
            if sync(connection, request):
                continue
            try:
                say(connection, {"return": answer(request["execute"], request["arguments"])})
            except ValueError as error:
                say(connection, {"error": {"class": "GenericError", "desc": str(error)}})

    return converse


def silent(connection: socket.socket) -> None:
    """Read, and never answer."""
    while connection.recv(1 << 16):
        pass


class StandardInput(io.TextIOWrapper):
    """Standard input that holds bytes, or a terminal at which no one types."""

    def __init__(self, data: bytes, terminal: bool = False) -> None:
        super().__init__(io.BytesIO(data))
        self._terminal = terminal

    def isatty(self) -> bool:
        return self._terminal
