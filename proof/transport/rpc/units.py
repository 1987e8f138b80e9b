"""Answers about systemd's units, over a D-Bus connection that stays open."""

import os
import socket
from itertools import count
from typing import Any

from jeepney import DBusAddress, HeaderFields, Message, MessageType, Parser, message_bus, new_method_call

from proof.transport.rpc.errors import UnanswerableError

PRIVATE = "/run/systemd/private"  # systemd's own socket: root only, needs no bus daemon
SYSTEM_BUS = "/run/dbus/system_bus_socket"
PATIENCE = 10.0  # seconds for one answer

NAME = "org.freedesktop.systemd1"
MANAGER = DBusAddress("/org/freedesktop/systemd1", NAME, f"{NAME}.Manager")
SUFFIXES = (
    *("service", "socket", "device", "mount", "automount", "swap"),
    *("target", "path", "timer", "slice", "scope"),
)

# File states of units without an [Install] section that was acted on: what pulls them in decides about the boot.
BY_DEPENDENCY = ("static", "generated", "indirect")
PULLING = ("WantedBy", "RequiredBy", "UpheldBy")


class RefusedError(Exception):
    """systemd answered with an error."""


class Bus:
    """One connection to systemd; messages in turn, no signals."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._sock.settimeout(PATIENCE)
        self._parser = Parser()
        self._serials = count(1)

    def ask(self, message: Message) -> tuple[Any, ...]:
        """Send a method call and return the body of the reply."""
        serial = next(self._serials)
        self._sock.sendall(message.serialise(serial=serial))
        while True:
            reply = self._parser.get_next_message()
            if reply is None:
                data = self._sock.recv(1 << 16)
                if not data:
                    raise ConnectionResetError
                self._parser.add_data(data)
            elif reply.header.fields.get(HeaderFields.reply_serial) == serial:
                if reply.header.message_type is MessageType.error:
                    name = reply.header.fields.get(HeaderFields.error_name, "")
                    raise RefusedError(f"{name}: {' '.join(map(str, reply.body))}")
                return tuple(reply.body)


_bus: Bus | None = None


def unit(name: str) -> dict[str, str]:
    """A unit as systemd has it loaded.

    Returns:
        id (its own name where `name` is an alias), load, active and sub, with the words of `systemctl show`.
    """
    asked = unit_name(name)
    found = _manager("ListUnitsByNames", "as", ([asked],))[0]
    if not found:
        raise UnanswerableError(f"{asked} is no valid name of a unit")
    full, _, load, active, sub, *_ = found[0]
    return {"id": full, "load": load, "active": active, "sub": sub}


def word(name: str, which: str) -> str:
    """One word about a unit, such as ActiveState or LoadState; the quickest question there is."""
    return str(_property(object_path(unit_name(name)), which))


def file_state(name: str) -> str:
    """What `systemctl is-enabled` prints: enabled, disabled, static, masked, alias...; empty if there is no file."""
    try:
        return str(_manager("GetUnitFileState", "s", (unit_name(name),))[0])
    except RefusedError as error:
        if "NoSuchUnit" in str(error) or "FileNotFound" in str(error):
            return ""
        raise UnanswerableError(f"{name}: {error}") from error


def starts_at_boot(name: str) -> bool:
    """Whether the next boot starts it without anyone's help: enabled for good, or pulled in by another unit."""
    state = file_state(name)
    if state == "alias":
        name = unit(name)["id"]
        state = file_state(name)
    if state in BY_DEPENDENCY:
        path = object_path(unit_name(name))
        return any(_property(path, which) for which in PULLING)
    return state == "enabled"


def unit_name(name: str) -> str:
    """The name of a unit as systemctl completes it."""
    if name.startswith("/"):
        words = [_escaped(part) for part in name.split("/") if part]
        return f"{'-'.join(words) or '-'}.{'device' if name.startswith('/dev/') else 'mount'}"
    return name if name.rpartition(".")[2] in SUFFIXES and "." in name else f"{name}.service"


def object_path(full_name: str) -> str:
    """The D-Bus path of a unit, loaded or not."""
    kept = (c.isascii() and (c.isalpha() or (c.isdigit() and at > 0)) for at, c in enumerate(full_name))
    escaped = "".join(c if plain else f"_{ord(c):02x}" for c, plain in zip(full_name, kept, strict=True))
    return f"{MANAGER.object_path}/unit/{escaped}"


def _escaped(part: str) -> str:
    kept = "".join(c if c.isalnum() or c in ":_." else f"\\x{ord(c):02x}" for c in part)
    return f"\\x2e{kept[1:]}" if kept.startswith(".") else kept


def _property(path: str, name: str) -> Any:
    address = DBusAddress(path, NAME, "org.freedesktop.DBus.Properties")
    return _asked(new_method_call(address, "Get", "ss", (f"{NAME}.Unit", name)))[0][1]


def _manager(method: str, signature: str, body: tuple[Any, ...]) -> tuple[Any, ...]:
    return _asked(new_method_call(MANAGER, method, signature, body))


def _asked(message: Message) -> tuple[Any, ...]:
    """Ask on the kept connection; once more on a new one where systemd closed it, as it does when it re-executes."""
    global _bus  # noqa: PLW0603
    if _bus is not None:
        try:
            return _bus.ask(message)
        except OSError:
            _bus = None
    try:
        _bus = _opened()
        return _bus.ask(message)
    except OSError as error:
        _bus = None
        raise UnanswerableError(f"systemd does not answer: {error}") from error


def _opened() -> Bus:
    if os.access(PRIVATE, os.W_OK):
        return Bus(logged_in(PRIVATE))
    bus = Bus(logged_in(SYSTEM_BUS))
    bus.ask(message_bus.Hello())
    return bus


def logged_in(path: str) -> socket.socket:
    """A D-Bus connection past its authentication.

    The end of the authentication is sent with its beginning, as systemctl does: systemd overlooks a first
    message that arrives together with it.
    """
    sock = socket.socket(socket.AF_UNIX)
    sock.settimeout(PATIENCE)
    sock.connect(path)
    sock.sendall(f"\0AUTH EXTERNAL {str(os.geteuid()).encode().hex()}\r\nBEGIN\r\n".encode())
    answer = b""
    while not answer.endswith(b"\r\n"):
        data = sock.recv(1024)
        if not data:
            raise ConnectionResetError(f"{path} hung up: {answer!r}")
        answer += data
    if not answer.startswith(b"OK "):
        raise PermissionError(f"{path} refused: {answer!r}")
    return sock
