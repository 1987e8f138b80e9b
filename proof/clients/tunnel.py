"""A unix socket of this machine, for its owner only; every connection to it is forwarded to a server as a host sees it.

It outlives resets and reboots: each connection goes over the host's connection of that moment.
"""

import shutil
import socket
import tempfile
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from proof.transport.host import Host


class Tunnel:
    """Listens until it is closed. `path` is the socket; `failure` is why the last connection failed, or None.

    Args:
        host: the host that connects onwards.
        address: of a TCP server; or the path of a unix socket.
        port: of a TCP server.
        name: what the socket's file is called.

    Raises:
        Unreachable: the host does not answer.
    """

    def __init__(self, host: "Host", address: str, port: int = 0, name: str = "socket") -> None:
        host.greeting()  # here, because Mitogen ends with the thread that first used it
        self._dial: Callable[[socket.socket], None] = lambda near: host.dial(near, address, port)
        self._folder = Path(tempfile.mkdtemp(prefix="proof-"))
        self.path = self._folder / name
        self.failure: Exception | None = None
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(self.path))
        self._listener.listen()
        threading.Thread(target=self._serve, daemon=True).start()

    def __enter__(self) -> "Tunnel":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Take no further connection; those that are open stay."""
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                threading.Thread(target=self._join, args=(near,), daemon=True).start()

    def _join(self, near: socket.socket) -> None:
        self.failure = None
        try:
            self._dial(near)
        except Exception as error:
            self.failure = error
            near.close()
