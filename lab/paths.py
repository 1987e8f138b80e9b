"""Paths in the checkout, in the user's cache, in the run directory."""

import hashlib
import os
import shutil
import tempfile
from pathlib import Path

from lab.errors import LabError

ROOT = Path(__file__).resolve().parent.parent
STATE = ROOT / ".lab"  # this checkout's lab: keys, ssh_config, disks, logs
SOCKETS_LINK = STATE / "sockets"
MEMORY = STATE / "memory"  # memory of both VMs, or a link to where it is
SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - a folder of our own is made in it
BUILD = ROOT / "build"  # what runs produce: reports, evidence, figures
PROVISION = ROOT / "provision"
TERRAFORM = ROOT / "terraform"
FEATURES = ROOT / "features"
INVENTORY = PROVISION / "inventory"
SQL = ROOT / "sql"
# Names of what belongs to one installation alone: never a part of a copy of the project.
INSTALLATION = ("host_vars", "production", "secrets", ".terraform*", "*.tfstate*", "*.tfvars", "*.tfvars.json")


def cache() -> Path:
    """Folder for boxes and layers, shared by all checkouts of this user; MAIL_LAB_CACHE overrides it."""
    named = os.environ.get("MAIL_LAB_CACHE")
    if named:
        return Path(named).expanduser().resolve()
    try:
        return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "mail-lab"
    except RuntimeError as error:
        raise LabError(
            "This user has no home folder for boxes and layers.", "Set MAIL_LAB_CACHE to a folder"
        ) from error


def sockets() -> Path:
    """Folder for unix sockets: short, because a socket's path is limited to 107 bytes; one per checkout.

    A running lab is found by its link in STATE, even if the environment has changed.
    """
    if _is_ours(SOCKETS_LINK):
        return SOCKETS_LINK.readlink()
    base = os.environ.get("XDG_RUNTIME_DIR")
    if base and Path(base).is_dir() and os.access(base, os.W_OK):
        return Path(base) / f"mail-lab-{_checkout()}"
    return Path(tempfile.gettempdir()) / f"mail-lab-{os.getuid()}-{_checkout()}"


def _is_ours(link: Path) -> bool:
    """Whether a link leads to a folder of this checkout's lab; in a copy of a checkout it leads to the first one's."""
    return link.is_symlink() and link.readlink().name.endswith(f"-{_checkout()}")


def _checkout() -> str:
    return hashlib.sha256(str(ROOT).encode()).hexdigest()[:10]


def make_sockets() -> None:
    """Make the folder for sockets, for this user alone, and remember it. Raises LabError."""
    folder = sockets()
    _make_private(folder, "Set XDG_RUNTIME_DIR to a folder of your own")
    SOCKETS_LINK.unlink(missing_ok=True)
    SOCKETS_LINK.symlink_to(folder)


def remove_sockets() -> None:
    """Remove that folder and what is in it."""
    shutil.rmtree(sockets(), ignore_errors=True)
    SOCKETS_LINK.unlink(missing_ok=True)


def _make_private(folder: Path, hint: str) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if folder.stat().st_uid != os.geteuid():
        raise LabError(f"{folder} belongs to another user.", hint)


def make_memory(mib: int) -> None:
    """Make the folder for the memory of both VMs, for this user alone: in memory where that has room, else on disk.

    Args:
        mib: what both may need at most.

    Raises:
        LabError: a folder of that name is another user's.
    """
    remove_memory()
    try:
        room = shutil.disk_usage(SHARED_MEMORY).free >= mib << 20 and os.access(SHARED_MEMORY, os.W_OK)
    except OSError:
        room = False
    if not room:
        MEMORY.mkdir(mode=0o700)
        return
    folder = SHARED_MEMORY / f"mail-lab-{os.getuid()}-{_checkout()}"
    _make_private(folder, f"Remove {folder}")
    MEMORY.symlink_to(folder)


def remove_memory() -> None:
    """Remove that folder and what is in it."""
    if MEMORY.is_symlink():
        if _is_ours(MEMORY):
            shutil.rmtree(MEMORY.readlink(), ignore_errors=True)
        MEMORY.unlink()
    else:
        shutil.rmtree(MEMORY, ignore_errors=True)
