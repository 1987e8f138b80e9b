"""New logins of the administrator with the OpenSSH client."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from proof import process
from proof.evidence.recorder import Recorder
from proof.hosts.target import Target

SSH_FAILED = 255


@dataclass(frozen=True)
class Login:
    """How a login ended: `exit_status` is the command's, 255 where SSH failed, 124 where time ran out."""

    command: str
    exit_status: int
    stdout: str
    stderr: str
    seconds: float
    timed_out: bool

    @property
    def accepted(self) -> bool:
        """Whether the host let us in; what the command made of it is another matter."""
        return not self.timed_out and self.exit_status != SSH_FAILED

    @property
    def denied(self) -> bool:
        """Whether the host answered and refused us; a connection that failed is no refusal."""
        return self.exit_status == SSH_FAILED and "Permission denied" in self.stderr


class Admin:
    """Logs in on the administrator's path: the VPN address, the one port, the administrator's key."""

    def __init__(self, target: Target, recorder: Recorder) -> None:
        self._target = target
        self._recorder = recorder

    def login(
        self,
        user: str | None = None,
        options: Sequence[str] = (),
        command: Sequence[str] = ("true",),
        timeout: float = 30.0,
        *,
        address: str | None = None,
        port: int | None = None,
        stdin: bytes = b"",
    ) -> Login:
        """Open a new connection, run a command, and end it.

        Args:
            user: who logs in; the administrator if None.
            options: more arguments of ssh, such as ("-o", "PubkeyAuthentication=no"); the first counts.
            command: argument list of the remote command, quoted here.
            timeout: seconds for all of it.
            address: where to; the VPN address if None.
            port: the SSH port of the inventory if None.
            stdin: what the remote command reads.
        """
        argv = [
            "ssh",
            *self._target.ssh_options,
            *options,
            *("-o", "BatchMode=yes"),
            *("-o", "ControlPath=none"),
            *("-o", f"ConnectTimeout={max(1, int(timeout))}"),
            *("-p", str(port or self._target.number("ssh_port"))),
            *("-l", user or self._target.text("admin_user")),
            address or self._target.text("vpn_address"),
            "--",
            shlex.join(command),
        ]
        done = process.run(argv, timeout=timeout, stdin=stdin)
        shown = shlex.join(argv)
        self._recorder.program("admin", shown, done)
        return Login(shown, done.exit_status, done.stdout, done.stderr, done.seconds, done.timed_out)
