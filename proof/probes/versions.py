"""Versions of the system, the kernel, some packages and the database; runs on the host."""

import os
import subprocess
from contextlib import suppress
from pathlib import Path

STATUS = "/var/lib/dpkg/status"
SECONDS_TO_ANSWER = 20
SERVER_SAYS = "postgres (PostgreSQL) "


def read(packages: list[str], cluster: str, container: str) -> dict[str, str]:
    """Versions by name: the system's own name for itself, the kernel, those packages that are there, PostgreSQL.

    `container` is the database server's; if it does not run, the version is the major one of the database's files in
    the folder `cluster`, and left out if nothing can be read there.
    """
    found = {"system": _system(), "kernel": os.uname().release}
    installed = _packages(Path(STATUS).read_text(errors="replace"))
    found.update((name, installed[name]) for name in packages if name in installed)
    if database := _server(container) or _cluster(Path(cluster)):
        found["PostgreSQL"] = database
    return found


def _server(container: str) -> str:
    with suppress(OSError, subprocess.SubprocessError):
        said = subprocess.run(
            ["docker", "exec", container, "postgres", "--version"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=SECONDS_TO_ANSWER,
            check=True,
        ).stdout.strip()
        if said.startswith(SERVER_SAYS):
            return said.removeprefix(SERVER_SAYS)
    return ""


def _cluster(folder: Path) -> str:
    for path in (folder / "PG_VERSION", *sorted(folder.glob("*/PG_VERSION"))):
        if path.is_file():
            return path.read_text().strip()
    return ""


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
