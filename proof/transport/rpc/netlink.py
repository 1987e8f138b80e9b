"""Dumps from the kernel's netlink: the same source that ss and ip read, without starting them."""

import os
import socket
import struct
from collections.abc import Iterator

SOCK_DIAG = 4
ROUTE = 0

_HEADER = struct.Struct("=LHHLL")
_ERROR, _DONE = 2, 3
_REQUEST_DUMP = 0x1 | 0x300
_ATTRIBUTE = struct.Struct("=HH")


def dump(protocol: int, kind: int, request: bytes) -> Iterator[bytes]:
    """Payloads that the kernel answers to a dump request.

    Args:
        protocol: netlink protocol, SOCK_DIAG or ROUTE.
        kind: type of the message.
        request: body of the message.

    Raises:
        OSError: the kernel refuses, for one because the module that would answer is not there.
    """
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, protocol) as kernel:
        kernel.settimeout(5.0)
        kernel.send(_HEADER.pack(_HEADER.size + len(request), kind, _REQUEST_DUMP, 1, 0) + request)
        while True:
            data = kernel.recv(1 << 18)
            while data:
                length, what, *_ = _HEADER.unpack_from(data)
                body, data = data[_HEADER.size : length], data[(length + 3) & ~3 :]
                if what in (_ERROR, _DONE):
                    code = struct.unpack_from("=i", body)[0] if len(body) >= 4 else 0
                    if code:
                        raise OSError(-code, os.strerror(-code))
                    return
                yield body


def attributes(data: bytes) -> dict[int, bytes]:
    """Attributes that follow a message's fixed part, by their number."""
    found = {}
    while len(data) >= _ATTRIBUTE.size:
        length, number = _ATTRIBUTE.unpack_from(data)
        if length < _ATTRIBUTE.size:
            break
        found[number & 0x3FFF] = data[_ATTRIBUTE.size : length]
        data = data[(length + 3) & ~3 :]
    return found
