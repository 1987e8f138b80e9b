"""Which tools the project needs, which of them this machine lacks, and the Debian package of each."""

import importlib
import importlib.util
import platform
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from lab import tools
from lab.errors import LabError

OLDEST_QEMU = (8, 2)  # 7.2 corrupts guests under multi-threaded TCG; tested: 10.0
QEMU = "qemu-system-x86_64"
QEMU_PACKAGES = ("qemu-system-x86", "qemu-utils")

Version = tuple[int, int]


@dataclass(frozen=True)
class Need:
    """A package and the question whether what it brings is already there."""

    package: str
    use: str
    met: Callable[[], bool]


def version_in(text: str) -> Version | None:
    """First `major.minor` in a text such as `qemu-img version 10.0.2 (...)` or `1:7.2+dfsg-7`."""
    found = re.search(r"(?:^|[\s:])(\d+)\.(\d+)", text)
    return (int(found[1]), int(found[2])) if found else None


def qemu_version(program: str) -> Version | None:
    """Version of a QEMU program on this machine; None if it is missing or does not run."""
    try:
        command = [tools.find(program), "--version"]
        answer = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    except (LabError, OSError, subprocess.TimeoutExpired):
        return None
    return version_in(answer.stdout) if answer.returncode == 0 else None


def require_recent_qemu() -> None:
    """Raise LabError if the QEMU on PATH is one that corrupts its guests."""
    found = qemu_version(QEMU)
    if found is not None and found < OLDEST_QEMU:
        raise LabError(
            f"{tools.find(QEMU)} is version {written(found)}: guests get corrupted with it.",
            f"Run make accept to install one, or put QEMU {written(OLDEST_QEMU)} or newer first on PATH.",
        )


def written(version: Version) -> str:
    """A version as people write it."""
    return ".".join(map(str, version))


def _has(program: str) -> Callable[[], bool]:
    def met() -> bool:
        try:
            return bool(tools.find(program))
        except LabError:
            return False

    return met


def _recent(program: str) -> Callable[[], bool]:
    return lambda: (qemu_version(program) or (0, 0)) >= OLDEST_QEMU


def _venv_package() -> str:
    """Debian ships venv and ensurepip apart from Python: once for its default version, once for each."""
    return f"python3.{sys.version_info.minor}-venv"


def _has_venv() -> bool:
    importlib.invalidate_caches()
    return all(importlib.util.find_spec(module) for module in ("venv", "ensurepip"))


NEEDS = (
    Need(QEMU_PACKAGES[0], "runs the two machines", _recent(QEMU)),
    Need(QEMU_PACKAGES[1], "makes their disks", _recent("qemu-img")),
    Need("mmdebstrap", "builds the box from packages", _has("mmdebstrap")),
    Need("uidmap", "builds it without root", _has("newuidmap")),
    Need(
        "debian-archive-keyring",
        "verifies those packages",
        lambda: Path("/usr/share/keyrings/debian-archive-keyring.gpg").exists(),
    ),
    Need("gpg", "finds the key of those packages", _has("gpg")),
    Need("apt-utils", "indexes the box's package archive", _has("apt-ftparchive")),
    Need("e2fsprogs", "makes the box's file system", _has("mke2fs")),
    Need("zstd", "packs the container image in the box", _has("zstd")),
    Need("openssh-client", "reaches the machines", _has("ssh")),
    Need("shellcheck", "lints the shell scripts", _has("shellcheck")),
    Need(_venv_package(), "makes the Python environment", _has_venv),
)


BROWSERS = ("chromium", "chromium-browser", "google-chrome")


def browser() -> str | None:
    """The program that opens the documentation in tests; None if there is none."""
    return next((program for program in BROWSERS if _has(program)()), None)


def _browser_or_snap() -> bool:
    """Ubuntu has its Chromium as a snap, which is left to the person: those tests are skipped without it."""
    return browser() is not None or platform.freedesktop_os_release().get("ID") == "ubuntu"


_PARTITIONS = Need("fdisk", "partitions the disk of a box for Vagrant", _has("sfdisk"))
FOR_TESTS = (Need("chromium", "opens the documentation in tests", _browser_or_snap), _PARTITIONS)


def _libvirt_module() -> bool:
    """Whether the distribution's own Python can ask libvirt."""
    command = ["/usr/bin/python3", "-I", "-c", "import libvirt, libvirt_qemu"]
    try:
        return subprocess.run(command, capture_output=True, check=False, timeout=30).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def _driver(name: str) -> Need:
    """A driver of libvirt: a separate package, unless libvirt-daemon contains it."""

    def met() -> bool:
        about = platform.freedesktop_os_release()
        in_one = (about.get("ID"), about.get("VERSION_ID")) in (("debian", "12"), ("ubuntu", "24.04"))
        return in_one or any(Path("/usr/lib").glob(f"*/libvirt/connection-driver/libvirt_driver_{name}.so"))

    return Need(f"libvirt-daemon-driver-{name}", "is a part of it", met)


FOR_VAGRANT = (
    _PARTITIONS,
    Need("vagrant", "makes the two machines", _has("vagrant")),
    Need(
        "vagrant-libvirt",
        "lets it make them by libvirt",
        lambda: any(Path("/usr/share/rubygems-integration").glob("*/gems/vagrant-libvirt-*")),
    ),
    Need("libvirt-daemon", "runs them", _has("libvirtd")),
    *map(_driver, ("qemu", "storage", "network", "nodedev")),
    Need("python3-libvirt", "asks it for what Vagrant has no words for", _libvirt_module),
    Need("iproute2", "gives them a network of their own", _has("ip")),
)


def missing(tests: bool = False, vagrant: bool = False) -> tuple[Need, ...]:
    """What this machine lacks, in the order of NEEDS.

    Args:
        tests: for the unit tests too, which need more than a lab does.
        vagrant: for a lab by Vagrant too.
    """
    needs = dict.fromkeys((*NEEDS, *(FOR_TESTS if tests else ()), *(FOR_VAGRANT if vagrant else ())))
    return tuple(need for need in needs if not need.met())
