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
        host_key_alias: the name that its key is noted under; empty for that of its address.
    """

    user: str
    address: str
    port: int | None = None
    ssh_config: Path | None = None
    sudo: bool = False
    name: str = ""
    host_key_alias: str = ""

    @property
    def called(self) -> str:
        """Name of the place for the reader."""
        return self.name or self.address

    def __str__(self) -> str:
        """The place and its door."""
        return f"{self.called} ({self._login}{f':{self.port}' if self.port else ''})"

    @property
    def options(self) -> list[str]:
        """Options of ssh that lead to this place and to its key."""
        config = ["-F", str(self.ssh_config.expanduser())] if self.ssh_config else []
        return [*config, *(["-o", f"HostKeyAlias={self.host_key_alias}"] if self.host_key_alias else [])]

    @property
    def by_hand(self) -> str:
        """The same login as a command for the operator to try."""
        port = ["-p", str(self.port)] if self.port else []
        end = ["sudo", "-n", "true"] if self.sudo else ["true"]
        return shlex.join(["ssh", *self.options, *port, self._login, *end])

    @property
    def _login(self) -> str:
        return f"{self.user}@{self.address}" if self.user else self.address
