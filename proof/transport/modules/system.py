"""The system itself: what it is, kernel parameters, mounts, programs."""

import functools

from proof.transport.errors import NoAnswerError
from proof.transport.modules.asker import Asker
from proof.transport.rpc import kernel


class SystemInfo:
    """What the system is, as told when it was connected."""

    def __init__(self, asker: Asker) -> None:
        self._asker = asker

    @functools.cached_property
    def sysinfo(self) -> dict[str, str | None]:
        """All of it; None if unknown."""
        told = self._asker.greeting()
        names = ("type", "distribution", "codename", "release", "arch")
        return {name: told.get(name) or None for name in names}

    @property
    def type(self) -> str | None:
        """Kind of system: linux."""
        return self.sysinfo["type"]

    @property
    def distribution(self) -> str | None:
        """Distribution: debian."""
        return self.sysinfo["distribution"]

    @property
    def release(self) -> str | None:
        """Number of the release: 13."""
        return self.sysinfo["release"]


class Sysctl:
    """`host.sysctl`: kernel parameters."""

    def __init__(self, asker: Asker) -> None:
        self._asker = asker

    def __call__(self, name: str) -> int | str:
        """A parameter: a number if it is one, else the kernel's text (several values are parted by tabs)."""
        value = str(self._asker.ask(f"sysctl {name}", kernel.parameter, name))
        return int(value) if value.removeprefix("-").isdecimal() and value.isascii() else value


class MountPoint:
    """A mount point. Where several mounts lie on one path, the one that is seen: the last."""

    def __init__(self, asker: Asker, path: str, attributes: dict[str, str] | None = None) -> None:
        self._asker = asker
        self.path = path
        self._known = attributes

    def __repr__(self) -> str:
        return f"<mount_point {self.path}>"

    def _find(self) -> dict[str, str] | None:
        if self._known is None:
            rows = self._asker.ask(f"mount {self.path}", kernel.mounts, shown=self._told)
            self._known = next((row for row in reversed(rows) if row["path"] == self.path), None)
        return self._known

    def _told(self, rows: list[dict[str, str]]) -> str:
        return repr([row for row in rows if row["path"] == self.path])

    def _there(self, what: str) -> str:
        found = self._find()
        if found is None:
            raise NoAnswerError(f"nothing is mounted at {self.path}")
        return found[what]

    @property
    def exists(self) -> bool:
        """Whether something is mounted there."""
        return self._find() is not None

    @property
    def device(self) -> str:
        """What is mounted."""
        return self._there("device")

    @property
    def options(self) -> list[str]:
        """Mount options."""
        return self._there("options").split(",")


class MountPoints:
    """`host.mount_point`: makes a MountPoint, and lists all."""

    def __init__(self, asker: Asker) -> None:
        self._asker = asker

    def __call__(self, path: str) -> MountPoint:
        """The mount point at a path."""
        return MountPoint(self._asker, path)
