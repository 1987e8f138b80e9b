"""Provenance of a run's evidence: commit, contents, versions, person and machine."""

import ast
import getpass
import hashlib
import platform
import re
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import suppress
from importlib import metadata
from pathlib import Path

from lab import stages
from lab.errors import LabError

TOOLS = ("pytest", "pytest-bdd", "pytest-testinfra", "mitogen", "ansible-core")
CONTENTS = ("provision", "sql", "terraform", "features", "steps", "proof", "lab")
INVENTORY = "inventory"  # also counted apart: what it says is asked of the host, too
# What scenarios ask a host with and judge by; how a question travels, and what is written of it, decides nothing.
ASKING = {("proof", name) for name in ("probes", "parsers", "clients", "database", "deployment", "vultr", "whole_host")}
SNAPSHOT = ("proof/whole_host/", "proof/probes/snapshot/", "steps/whole_host.py")
NAMED = re.compile(r'\b(PROVISION|TERRAFORM|provision|terraform)(?:\(\))? / "([^"]+)"')
PLAYBOOKS = (".yml", ".yaml")  # who applies one depends on all that it is made of: `playbooks`
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


def playbooks(root: Path) -> dict[str, str]:
    """Hash of all that each playbook is made of, by its path in the checkout; without those that cannot be read."""
    found = {}
    for path in sorted([*(root / "provision").glob("*.yml"), *(root / "steps" / "playbooks").glob("*.yml")]):
        with suppress(LabError):
            found[str(path.relative_to(root))] = stages.content(path, root / "provision")
    return found


def task_content(root: Path, feature: Path) -> str:
    """Hash of what a task's verdicts come from: its feature, its steps, the steps of all tasks, and what they ask with.

    That is followed by imports through the packages of `ASKING`, and to scripts of provision/ and terraform/ that a
    module names. The snapshot of the whole host, with which tasks only look after a reboot, counts for those whose own
    steps import it.
    """
    steps = root / "steps"
    own = steps / f"test_{feature.stem.replace('.', '_')}.py"
    every = [path for path in (steps / "conftest.py", *sorted((steps / "shared").glob("*.py"))) if path.exists()]
    seen = {path for path in _closure(root, every) if not str(path.relative_to(root)).startswith(SNAPSHOT)}
    seen |= {feature, *(_closure(root, [own], every) if own.exists() else ())}
    return content_hash({*seen, *(file for path in seen for file in _named_files(root, path))}, root)


def _closure(root: Path, begin: Iterable[Path], beside: Iterable[Path] = ()) -> set[Path]:
    """These modules, and those of `ASKING` that they import, directly or not, but by way of those `beside` them."""
    seen: set[Path] = set()
    counted = set(beside)
    waiting = list(begin)
    while waiting:
        path = waiting.pop()
        if path not in seen | counted:
            seen.add(path)
            waiting += (found for name in _imports(path) if (found := _module(root, name)) is not None)
    return seen


def _named_files(root: Path, module: Path) -> Iterator[Path]:
    """The operator's own files that a module names, as `PROVISION / "x.sh"` or `sources.provision() / "x.sh"`."""
    for folder, name in NAMED.findall(module.read_text(encoding="utf-8")):
        path = root / folder.lower() / name
        if path.is_file() and path.suffix not in PLAYBOOKS:
            yield path


def _imports(path: Path) -> Iterator[str]:
    """Names of all that a module imports, anywhere in it; `from a import b` may mean the module a.b, or a."""
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{each.name}" for each in node.names)
        elif isinstance(node, ast.Import):
            yield from (each.name for each in node.names)


def _module(root: Path, name: str) -> Path | None:
    parts = name.split(".")
    if parts[0] != "steps" and tuple(parts[:2]) not in ASKING:
        return None
    path = root.joinpath(*parts)
    candidates = (path.with_suffix(".py"), path / "__init__.py")
    return next((each for each in candidates if each.is_file()), None)


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def user() -> str:
    """Who runs this."""
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
        "playbooks": playbooks(root),
        "versions": {"python": platform.python_version(), **{tool: _version(tool) for tool in TOOLS}},
        "by": user(),
        "from": platform.node(),
        "system": platform.platform(),
    }
