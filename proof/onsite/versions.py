"""What a host runs, by version: its system, its kernel and some packages; runs on the host."""

import os
from pathlib import Path

STATUS = "/var/lib/dpkg/status"


def read(packages: list[str], cluster: str) -> dict[str, str]:
    """Versions by name: the system's own name for itself, the kernel, those packages that are there, PostgreSQL.

    `cluster` is the folder with the database's files; without one that can be read PostgreSQL is left out.
    """
    found = {"system": _system(), "kernel": os.uname().release}
    installed = _packages(Path(STATUS).read_text(errors="replace"))
    found.update((name, installed[name]) for name in packages if name in installed)
    for path in (Path(cluster) / "PG_VERSION", *sorted(Path(cluster).glob("*/PG_VERSION"))):
        if path.is_file():
            found["PostgreSQL"] = path.read_text().strip()
            break
    return found


def _system() -> str:
    for line in Path("/etc/os-release").read_text().splitlines():
        name, _, value = line.partition("=")
        if name == "PRETTY_NAME":
            return value.strip('"')
    return "unknown"


def _packages(status: str) -> dict[str, str]:
    found = {}
    for paragraph in status.split("\n\n"):
        fields = dict(line.split(": ", 1) for line in paragraph.splitlines() if ": " in line and line[0] != " ")
        if fields.get("Status", "").endswith(" installed") and "Version" in fields:
            found[fields["Package"]] = fields["Version"]
    return found
