"""Debian packages. Unlike testinfra: a name is no pattern, and two architectures of a package are one package."""

from proof.transport.errors import NoAnswerError
from proof.transport.modules.asker import Asker
from proof.transport.rpc import packages


class Package:
    """A package by name, or by name:architecture."""

    def __init__(self, asker: Asker, name: str) -> None:
        self._asker = asker
        self.name = name

    def __repr__(self) -> str:
        return f"<package {self.name}>"

    def _installed(self, what: str) -> tuple[str, str, str] | None:
        found: tuple[str, str, str] | None = self._asker.ask(
            f"package {self.name} {what}", packages.installed, self.name
        )
        return found

    @property
    def is_installed(self) -> bool:
        """Whether it is unpacked and configured. Removed with its configuration left behind is not installed."""
        return self._installed("is_installed") is not None

    @property
    def version(self) -> str:
        """Full version, epoch included. Fails if it is not installed."""
        found = self._installed("version")
        if found is None:
            raise NoAnswerError(f"package {self.name} is not installed")
        return found[2]

    @property
    def release(self) -> str:
        """Debian's revision: what follows the last hyphen of the version; empty for a native package."""
        return self.version.rpartition("-")[2] if "-" in self.version else ""
