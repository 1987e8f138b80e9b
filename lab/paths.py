"""Where things lie: in the checkout, in the user's cache, in the run directory."""

import hashlib
import os
import shutil
import tempfile
from pathlib import Path

from lab.errors import LabError

ROOT = Path(__file__).resolve().parent.parent
STATE = ROOT / ".lab"  # this checkout's lab: keys, ssh_config, disks, logs
SOCKETS_LINK = STATE / "sockets"
BUILD = ROOT / "build"  # what runs produce: reports, evidence, figures
PROVISION = ROOT / "provision"
TERRAFORM = ROOT / "terraform"
FEATURES = ROOT / "features"
INVENTORY = PROVISION / "inventory"
SQL = ROOT / "sql"
# Names of what belongs to one installation alone: never a part of a copy of the project.
INSTALLATION = ("host_vars", "production", "secrets", ".terraform*", "*.tfstate*", "*.tfvars")


def cache() -> Path:
    """Folder for boxes and layers, shared by all checkouts of this user; MAIL_LAB_CACHE overrides it."""
    named = os.environ.get("MAIL_LAB_CACHE")
    if named:
        return Path(named).expanduser().resolve()
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "mail-lab"


def sockets() -> Path:
    """Folder for unix sockets: short, because a socket's path is limited to 107 bytes; one per checkout.

    A lab that runs is found again by the link it keeps in STATE, whatever the environment says by then.
    """
    if SOCKETS_LINK.is_symlink():
        return SOCKETS_LINK.readlink()
    checkout = hashlib.sha256(str(ROOT).encode()).hexdigest()[:10]
    base = os.environ.get("XDG_RUNTIME_DIR")
    if base and Path(base).is_dir() and os.access(base, os.W_OK):
        return Path(base) / f"mail-lab-{checkout}"
    return Path(tempfile.gettempdir()) / f"mail-lab-{os.getuid()}-{checkout}"


def make_sockets() -> None:
    """Make the folder for sockets, for this user alone, and remember it. Raises LabError."""
    folder = sockets()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if folder.stat().st_uid != os.geteuid():
        raise LabError(f"{folder} belongs to another user.", "Set XDG_RUNTIME_DIR to a folder of your own")
    SOCKETS_LINK.unlink(missing_ok=True)
    SOCKETS_LINK.symlink_to(folder)


def remove_sockets() -> None:
    """Remove that folder and what is in it."""
    shutil.rmtree(sockets(), ignore_errors=True)
    SOCKETS_LINK.unlink(missing_ok=True)
