"""Compares two snapshots of a host, without the expected effects of logins and of time.

Each exception has its reason here; the run caused every other difference.
"""

import fnmatch
from collections.abc import Mapping
from dataclasses import dataclass

from proof.hosts.target import Target

HostSnapshot = Mapping[str, Mapping[str, str]]

LOGS = "logs"
LOGIN = "records of logins, and what exists during a login"
ENGINE = "the container engine's own records; its containers, images, volumes and networks are compared"
NETWORK = "a container's network, removed up to a minute after the container; containers are compared"
CHECK = "a command that runs in a container at this moment, such as a health check; processes are compared"
# Section of a snapshot to patterns of names, each with the reason why it may differ.
EXCEPTIONS: Mapping[str, Mapping[str, str]] = {
    "files": {
        "/var/log/*": LOGS,
        "/run/log/*": LOGS,
        "/run/systemd/journal/*": LOGS,
        "/run/docker/containerd/*": ENGINE,
        f"/run/containerd/*/moby/*/{'[0-9a-f]' * 64}.pid": CHECK,
        f"/run/docker/netns/{'[0-9a-f]' * 12}": NETWORK,
        "/tmp/runc-process*": ENGINE,  # noqa: S108
        "/var/lib/containerd/*/meta.db": ENGINE,
        "/var/lib/docker/containers/*": ENGINE,
        "/var/lib/docker/network/files/local-kv.db": ENGINE,
        "/var/lib/fail2ban/*": "fail2ban's position in the logs",
        "/run/sudo/*": LOGIN,
        "/run/user/*": LOGIN,
        "/run/utmp": LOGIN,
        "/run/systemd/sessions*": LOGIN,
        "/run/systemd/users*": LOGIN,
        "/run/systemd/units/invocation:user-runtime-dir@*": LOGIN,
    },
    "units": {
        "session-*.scope": LOGIN,
        "user@*.service": LOGIN,
        "user-*": LOGIN,
    },
}
OWN_FILES = {
    "postgres_data": "the database's own files; its rows and definitions are compared instead",
    "postgres_wal_archive": "the log of the database, archived every few minutes",
}


@dataclass(frozen=True)
class Difference:
    """A difference; `before` is empty for something new, `after` for something removed."""

    section: str
    name: str
    before: str
    after: str

    def __str__(self) -> str:
        if not self.before:
            return f"{self.section}: new: {self.name}  {self.after}".rstrip()
        if not self.after:
            return f"{self.section}: gone: {self.name}  {self.before}".rstrip()
        return f"{self.section}: {self.name}\n    before  {self.before}\n    after   {self.after}"


def excluded(target: Target) -> list[str]:
    """Patterns of paths that a snapshot leaves out."""
    return [*EXCEPTIONS["files"], *(f"{target.text(name)}/*" for name in OWN_FILES)]


def expected(section: str, name: str) -> bool:
    """Whether a difference of this name is expected."""
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in EXCEPTIONS.get(section, ()))


def differences(before: HostSnapshot, after: HostSnapshot) -> list[Difference]:
    """The unexpected differences, by section and name."""
    found = []
    for section in sorted({*before, *after}):
        was, now = before.get(section, {}), after.get(section, {})
        found += [
            Difference(section, name, was.get(name, ""), now.get(name, ""))
            for name in sorted({*was, *now})
            if was.get(name) != now.get(name) and not expected(section, name)
        ]
    return found
