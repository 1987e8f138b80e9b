"""Trying a door from where this interpreter stands."""

import errno
import socket


def tcp(address: str, port: int, timeout: float) -> str:
    """What a TCP connection to an address meets, within some seconds.

    Returns:
        "open", "refused" (an answer that says no), "silent" (no answer in time) or "unreachable" (no way there).
    """
    try:
        with socket.create_connection((address, port), timeout=timeout):
            return "open"
    except TimeoutError:
        return "silent"
    except ConnectionRefusedError:
        return "refused"
    except OSError as error:
        if error.errno in (errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EACCES, errno.EPERM):
            return "unreachable"
        raise
