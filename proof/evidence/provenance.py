"""Provenance of a run's evidence: commit, contents, versions, person and machine."""

import getpass
import hashlib
import platform
import subprocess
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path

TOOLS = ("pytest", "pytest-bdd", "pytest-testinfra", "mitogen", "ansible-core")
CONTENTS = ("provision", "sql", "terraform", "features", "steps", "proof", "lab")
INVENTORY = "inventory"  # also counted apart: what it says is asked of the host, too
PRIVATE = ("host_vars", "production", "secrets", ".terraform")  # of one installation alone
PRIVATE_FILES = (".tfstate", ".tfstate.backup", ".tfvars", ".tfvars.json")


def _git(root: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", "-C", str(root), *arguments], capture_output=True, text=True, check=False, timeout=20
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def content_hash(paths: Iterable[Path], root: Path) -> str:
    """SHA-256 of files by their relative names and contents, the first 16 digits."""
    digest = hashlib.sha256()
    for path in sorted(paths):
        digest.update(f"{path.relative_to(root)}\0".encode() + path.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


def _files(folder: Path) -> list[Path]:
    return [
        path
        for path in folder.rglob("*")
        if path.is_file()
        and not {"__pycache__", *PRIVATE}.intersection(path.parts)
        and not path.name.startswith((".", "tracker.yml"))
        and not path.name.endswith(PRIVATE_FILES)
    ]


def contents(root: Path) -> dict[str, str]:
    """Hash of each folder that a result is made from."""
    folders = {**{name: root / name for name in CONTENTS}, INVENTORY: root / "provision" / "inventory"}
    return {name: content_hash(_files(folder), root) for name, folder in folders.items()}


def task_content(root: Path, feature: Path) -> str:
    """Hash of a task's feature and of its steps; those that tasks share belong to every task."""
    steps = root / "steps"
    own = steps / f"test_{feature.stem.replace('.', '_')}.py"
    others = (path for path in steps.rglob("*.py") if not path.name.startswith("test_"))
    return content_hash([feature, *(path for path in (own, *others) if path.exists())], root)


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"


def gather(root: Path) -> dict[str, object]:
    """What can be known at the start of a run without asking the host; None if it cannot be known."""
    status = _git(root, "status", "--porcelain")
    return {
        "commit": _git(root, "rev-parse", "--verify", "HEAD"),
        "dirty": None if status is None else bool(status),
        "contents": contents(root),
        "versions": {"python": platform.python_version(), **{tool: _version(tool) for tool in TOOLS}},
        "by": _user(),
        "from": platform.node(),
        "system": platform.platform(),
    }
