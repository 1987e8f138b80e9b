"""The near end of a forwarded connection: a socket here, messages to the remote side."""

import socket
import threading
from contextlib import suppress
from typing import Any

import mitogen.core

from proof.transport.connection import LOST
from proof.transport.rpc.forwarding import CHUNK


def carry(near: socket.socket, receiver: Any, sender: Any) -> None:
    """Carry between a socket and a place, both ways, until either end closes; returns at once."""
    for work in (_carry_out, _carry_back):
        threading.Thread(target=work, args=(near, receiver, sender), daemon=True).start()


def _carry_out(near: socket.socket, _receiver: Any, sender: Any) -> None:
    with suppress(OSError, *LOST):
        while piece := near.recv(CHUNK):
            sender.send(piece, mitogen.core.Message.ENC_BIN)
    with suppress(*LOST):
        sender.close()


def _carry_back(near: socket.socket, receiver: Any, _sender: Any) -> None:
    with suppress(OSError, *LOST):
        while True:
            near.sendall(receiver.get().data)
    with suppress(OSError):
        near.shutdown(socket.SHUT_RDWR)
    near.close()
    receiver.router.broker.defer(_close, receiver)


def _close(receiver: Any) -> None:
    """On Mitogen's own thread, which must not find it gone while it ends a connection."""
    with suppress(KeyError):
        receiver.close()
