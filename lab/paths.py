"""Where things lie: in the checkout, in the user's cache, in the run directory."""

import hashlib
import os
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
STATE = ROOT / ".lab"  # this checkout's lab: keys, ssh_config, disks, logs
BUILD = ROOT / "build"  # what runs produce: reports, evidence, figures
PROVISION = ROOT / "provision"
FEATURES = ROOT / "features"
INVENTORY = PROVISION / "inventory"


def cache() -> Path:
    """Folder for boxes and layers, shared by all checkouts of this user; MAIL_LAB_CACHE overrides it."""
    named = os.environ.get("MAIL_LAB_CACHE")
    if named:
        return Path(named).expanduser().resolve()
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "mail-lab"


def sockets() -> Path:
    """Folder for unix sockets: short, because a socket's path is limited to 107 bytes; one per checkout."""
    checkout = hashlib.sha256(str(ROOT).encode()).hexdigest()[:10]
    base = os.environ.get("XDG_RUNTIME_DIR")
    if base and Path(base).is_dir() and os.access(base, os.W_OK):
        return Path(base) / f"mail-lab-{checkout}"
    return Path(tempfile.gettempdir()) / f"mail-lab-{os.getuid()}-{checkout}"
