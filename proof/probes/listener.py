"""A listener on every address, like a service left open by mistake, for the time of a scenario."""

import socket

_left_open: dict[int, socket.socket] = {}


def open_port() -> int:
    """Listen on a free TCP port of every IPv4 and IPv6 address, until `close`; returns the port.

    Raises:
        OSError: the listener does not even answer the host itself, so nobody's silence would mean anything.
    """
    listener = socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True, backlog=16)
    listener.setblocking(False)
    port = int(listener.getsockname()[1])
    for address in ("127.0.0.1", "::1"):
        socket.create_connection((address, port), timeout=5).close()
    _left_open[port] = listener
    return port


def close(port: int) -> list[str]:
    """Stop listening; returns who got through, other than the host itself."""
    listener = _left_open.pop(port)
    callers: list[str] = []
    with listener:
        while True:
            try:
                caller, address = listener.accept()
            except BlockingIOError:
                return [c for c in callers if c not in ("::1", "::ffff:127.0.0.1")]
            caller.close()
            callers.append(str(address[0]))
