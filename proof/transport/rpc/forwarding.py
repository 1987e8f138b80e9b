"""Connections from this host onwards, forwarded as messages."""

import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar

import mitogen.core

CONNECT_TIMEOUT = 5.0  # seconds; a door that is shut silently must not hold up everything else
CHUNK = 1 << 16

Function = TypeVar("Function", bound=Callable[..., Any])
takes_router: Callable[[Function], Function] = mitogen.core.takes_router


@takes_router
def connect(address: str, port: int, sender: Any, router: Any) -> int:
    """Open a connection; what comes from it goes to the sender, which is closed at its end.

    Args:
        address: of a TCP server; or the path of a unix socket.
        port: of a TCP server.
        sender: a mitogen Sender that takes the pieces.
        router: Mitogen's.

    Returns:
        The handle that takes pieces for the connection, until a dead message closes it.

    Raises:
        OSError: no one took the connection.
    """
    if address.startswith("/"):
        far = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        far.connect(address)
    else:
        far = socket.create_connection((address, port), CONNECT_TIMEOUT)
        far.settimeout(None)
        far.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    receiver = mitogen.core.Receiver(router, policy=mitogen.core.has_parent_authority)
    threading.Thread(target=_carry_out, args=(receiver, far), daemon=True).start()
    threading.Thread(target=_carry_back, args=(far, sender), daemon=True).start()
    return int(receiver.handle)


def _carry_out(receiver: Any, far: socket.socket) -> None:
    with suppress(mitogen.core.ChannelError, OSError):
        while True:
            far.sendall(receiver.get().data)
    with suppress(OSError):
        far.shutdown(socket.SHUT_RDWR)
    far.close()
    receiver.router.broker.defer(_close, receiver)


def _carry_back(far: socket.socket, sender: Any) -> None:
    with suppress(OSError):
        while piece := far.recv(CHUNK):
            sender.send(piece, mitogen.core.Message.ENC_BIN)
    sender.close()


def _close(receiver: Any) -> None:
    with suppress(KeyError):
        receiver.close()
