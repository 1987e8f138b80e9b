"""How to connect to a host: user, address, port, ssh settings."""

import shlex
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class ConnectionSpec:
    """How a host is reached.

    Attributes:
        user: who logs in; empty leaves it to ssh's own settings.
        address: host name or address, as ssh takes it.
        port: TCP port; None leaves it to ssh's own settings.
        ssh_config: file for `ssh -F`; None means the operator's own settings decide.
        sudo: become root with `sudo -n` after the login, unless root logged in.
        name: what the place is called in evidence and errors.
    """

    user: str
    address: str
    port: int | None = None
    ssh_config: Path | None = None
    sudo: bool = False
    name: str = ""

    @property
    def called(self) -> str:
        """Name of the place for the reader."""
        return self.name or self.address

    def __str__(self) -> str:
        """The place and its door."""
        return f"{self.called} ({self._login}{f':{self.port}' if self.port else ''})"

    @property
    def by_hand(self) -> str:
        """The same login as a command for the operator to try."""
        settings = ["-F", str(self.ssh_config)] if self.ssh_config else []
        port = ["-p", str(self.port)] if self.port else []
        end = ["sudo", "-n", "true"] if self.sudo else ["true"]
        return shlex.join(["ssh", *settings, *port, self._login, *end])

    @property
    def _login(self) -> str:
        return f"{self.user}@{self.address}" if self.user else self.address
