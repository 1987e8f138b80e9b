"""A login with the system's ssh that starts Mitogen's Python interpreter."""

import functools
import os
import threading
from typing import Any

import mitogen.core
import mitogen.master
import mitogen.parent
import mitogen.ssh

from proof.transport.errors import Unreachable
from proof.transport.spec import ConnectionSpec

CONNECT_TIMEOUT = 45.0  # seconds for login, sudo and the interpreter's start: an emulated host takes its time
KEEPALIVE_INTERVAL = 2  # seconds between ssh's questions whether the host is still there
KEEPALIVE_COUNT = 6  # unanswered ones after which the connection is dead

# No byte code in the host's library, no user's own packages, and a first stage that starts faster without site.
PYTHON = ["env", "PYTHONDONTWRITEBYTECODE=1", "PYTHONNOUSERSITE=1", "python3", "-S"]
# A machine whose only account is root need not have sudo.
SUDO = ["sh", "-c", 'test "$(id -u)" -eq 0 || set -- sudo -n -H -- "$@"; exec "$@"', "sh"]

# Whatever the operator's settings say: a connection of our own, no prompt, nothing forwarded, no command of its own.
OPTIONS = {
    "BatchMode": "yes",
    "ClearAllForwardings": "yes",
    "ConnectTimeout": "10",
    "ControlMaster": "no",
    "ControlPath": "none",
    "ForwardAgent": "no",
    "ForwardX11": "no",
    "PermitLocalCommand": "no",
    "RemoteCommand": "none",
    "RequestTTY": "no",
}


class Diagnostics(mitogen.parent.LogProtocol):
    """Keeps what ssh and sudo say, and leaves judging it to whoever reads the error."""

    def on_line_received(self, line: bytes) -> None:
        """Keep a line; it is told where the connection fails."""
        mitogen.parent.LineLoggingProtocolMixin.on_line_received(self, line)


class Login(mitogen.ssh.Connection):
    """ssh's process: in a session of its own, so an interrupt of the run is not an interrupt of the connection."""

    diag_protocol_class = Diagnostics

    def create_child(self, **kwargs: Any) -> Any:
        """Start ssh without a terminal it could ask on."""
        return super().create_child(preexec_fn=os.setsid, **kwargs)

    def get_boot_command(self) -> list[str]:
        """Let ssh say why it ends; Mitogen would silence that, for fear of banners that look like prompts."""
        return ["LogLevel INFO" if word == "LogLevel ERROR" else word for word in super().get_boot_command()]

    def last_words(self) -> str:
        """What ssh said since the start or since `forget`, without the interpreter's own markers."""
        told = mitogen.parent.get_history([self.stdio_stream, self.stderr_stream])
        return "\n".join(line for line in told.splitlines() if line.strip() and "MITO00" not in line)

    def forget(self) -> None:
        """Leave the login's own words behind: banner and warnings explain nothing that happens later."""
        self.stderr_stream.protocol.logged_lines.clear()


_ONE = threading.Lock()


def router() -> Any:
    """The one router of this process; hosts talk to us, never to each other."""
    with _ONE:  # two hosts may be dialled at once
        return _router()


@functools.cache
def _router() -> Any:
    # It ends with the process; by itself it would end with the thread that happened to dial first.
    broker = mitogen.master.Broker(install_watcher=False)
    mitogen.master.ThreadWatcher.watch(threading.main_thread(), broker.shutdown)
    made = mitogen.master.Router(broker)
    made.unidirectional = True
    return made


def log_in(way: ConnectionSpec) -> tuple[Any, Login]:
    """Log in and start the interpreter.

    Returns:
        Mitogen's context and the login that carries it.

    Raises:
        Unreachable: with ssh's own words.
    """
    options = [word for name, value in OPTIONS.items() for word in ("-o", f"{name}={value}")]
    mine = router()
    context = mine.context_class(mine, mine.allocate_id(), way.called)
    login = Login(
        Login.options_class(
            hostname=way.address,
            username=way.user or None,
            port=way.port,
            check_host_keys="enforce",
            compression=False,
            keepalive_interval=KEEPALIVE_INTERVAL,
            keepalive_count=KEEPALIVE_COUNT,
            ssh_args=[*way.options, *options],
            python_path=[*SUDO, *PYTHON] if way.sudo else list(PYTHON),
            connect_timeout=CONNECT_TIMEOUT,
            max_message_size=mine.max_message_size,
            unidirectional=True,
            name=way.called,
            remote_name="proof",
            old_router=mine,
        ),
        mine,
    )
    try:
        login.connect(context=context)
    except mitogen.core.TimeoutError as error:
        slow = f"no interpreter within {CONNECT_TIMEOUT:g} s: timed out"
        raise Unreachable(way, f"{login.last_words()}\n{slow}") from error
    except mitogen.core.StreamError as error:
        raise Unreachable(way, login.last_words()) from error
    login.forget()
    return context, login
