"""The database server's greeting to any client; runs on the host that connects."""

import socket
import struct

PROTOCOL = 3 << 16
TIMEOUT = 10.0  # seconds
ASKS_FOR_PASSWORD, REFUSES = b"R", b"E"


def greeting(address: str, port: int) -> str:
    """What the server says to a client that wants to log in: empty if it asks for the password, as it should.

    Returns:
        Otherwise why it does not, in its own or the kernel's words.
    """
    words = b"user\0postgres\0database\0postgres\0\0"
    try:
        with socket.create_connection((address, port), TIMEOUT) as connection:
            connection.sendall(struct.pack("!ii", 8 + len(words), PROTOCOL) + words)
            said = connection.recv(1000)
    except OSError as error:
        return str(error) or repr(error)
    return "" if said[:1] == ASKS_FOR_PASSWORD else words_of(said)


def words_of(message: bytes) -> str:
    """The text of an error message of PostgreSQL's protocol; anything else as it is."""
    if message[:1] != REFUSES:
        return repr(message)
    fields = message[5:].split(b"\0")
    return next((field[1:].decode(errors="replace") for field in fields if field[:1] == b"M"), repr(message))
