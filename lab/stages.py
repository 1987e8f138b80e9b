"""Stages of provisioning, and the content each one is made from.

A stage is a task's playbook. Its key is the hash of its parent's key and of every file that the playbook uses, found
by following imports and roles, so that a change re-runs the stages from the changed one on and nothing else. What a
role takes from outside provision/ is listed here.
"""

import hashlib
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path

import yaml

from lab.errors import LabError, UsageError
from lab.paths import PROVISION, SQL

BARE, FRESH = "bare", "fresh"  # an image with its addresses; a server as its provider hands it out
OUTSIDE = {"mail_database": SQL.name}  # role -> the folder beside provision/ whose files it installs
_PLAYBOOK_KEYS = ("import_playbook", "ansible.builtin.import_playbook")
_ROLE_KEYS = tuple(f"{prefix}{verb}_role" for prefix in ("", "ansible.builtin.") for verb in ("import", "include"))
_FILE_KEYS = tuple(
    f"{prefix}{verb}"
    for prefix in ("", "ansible.builtin.")
    for verb in ("import_tasks", "include_tasks", "include_vars")
)
_VARIABLES_KEYS = ("include_vars", "ansible.builtin.include_vars")


@dataclass(frozen=True)
class Stage:
    """One step of provisioning: the task, its playbook, and the key of the state after it."""

    task: str
    key: str
    playbook: Path | None


def tasks() -> list[str]:
    """Ids of the tasks that have a playbook, in the order they are applied."""
    found = [re.fullmatch(r"task_(\d+\.\d+\.\d+)\.yml", path.name) for path in PROVISION.iterdir()]
    return sorted((match[1] for match in found if match), key=lambda task: [int(part) for part in task.split(".")])


def plan(root: str, start: str, variables: Mapping[str, object]) -> list[Stage]:
    """All stages, beginning with the bare lab and the fresh server.

    Args:
        root: what the bare lab depends on, as text.
        start: what makes a fresh server of it, as text.
        variables: the inventory's, as written; a stage depends on those that it names.
    """
    key = _hash(root)
    stages = [Stage(BARE, key, None)]
    key = _hash(key, FRESH, start)
    stages.append(Stage(FRESH, key, None))
    for task in tasks():
        playbook = PROVISION / f"task_{task}.yml"
        files = closure(playbook)
        texts = [path.read_text(errors="replace") for path in files]
        key = _hash(key, task, version("ansible-core"), *_contents(files, PROVISION), repr(named(texts, variables)))
        stages.append(Stage(task, key, playbook))
    return stages


def named(texts: Iterable[str], variables: Mapping[str, object]) -> list[tuple[str, object]]:
    """The variables that texts name, and those that these name in turn; what only Ansible itself reads, always."""
    waiting = [*texts, *(name for name in variables if name.startswith("ansible_"))]
    found: dict[str, object] = {}
    while waiting:
        words = set(re.findall(r"\w+", waiting.pop()))
        for name in words & variables.keys() - found.keys():
            found[name] = variables[name]
            waiting.append(repr(variables[name]))
    return sorted(found.items())


def require_known_task(task: str | None) -> None:
    """Raise UsageError with the names of all tasks if there is no such task."""
    names = [BARE, FRESH, *tasks()]
    if task is not None and task not in names:
        raise UsageError(f"There is no task {task}.", f"The lab can stop at: {', '.join(names)}")


def until(stages: list[Stage], task: str | None) -> list[Stage]:
    """The stages up to a task, all if None."""
    names = [stage.task for stage in stages]
    return stages if task is None else stages[: names.index(task) + 1]


def _hash(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


def _contents(files: set[Path], provision: Path) -> Iterator[str]:
    for path in sorted(files | {provision / "ansible.cfg"}):
        yield os.path.relpath(path, provision)
        yield hashlib.sha256(path.read_bytes()).hexdigest()


def content(playbook: Path, provision: Path) -> str:
    """Hash of every file that a playbook is made of. Raises LabError if one is missing."""
    return _hash(*_contents(closure(playbook, provision), provision))


def closure(playbook: Path, provision: Path | None = None) -> set[Path]:
    """Every file that a playbook is made of: itself, what it imports, and all of the roles it uses.

    Args:
        playbook: its file.
        provision: the folder with roles and modules; that of the checkout if None.
    """
    provision = provision or PROVISION
    seen: set[Path] = set()
    waiting = [playbook]
    while waiting:
        path = waiting.pop()
        if path in seen:
            continue
        if not path.is_file():
            raise LabError(f"{playbook.name} needs {path}, which does not exist.")
        seen.add(path)
        if path.suffix not in (".yml", ".yaml"):
            continue
        try:
            read = _parsed(path.read_text())
        except yaml.YAMLError as error:
            raise LabError(f"{path} is no YAML: {error}") from error
        for used in _uses(read, provision):
            waiting += _files(used, path, provision)
    return seen


class _AnyTag(yaml.SafeLoader):
    """Safe loader that reads over Ansible's own tags (!vault, !unsafe)."""


_AnyTag.add_multi_constructor("!", lambda _loader, _suffix, _node: None)


@cache
def _parsed(text: str) -> object:
    """A document; most playbooks use the same roles."""
    return yaml.load(text, Loader=_AnyTag)  # noqa: S506 - a SafeLoader


def _files(used: tuple[str, str], user: Path, provision: Path) -> list[Path]:
    kind, name = used
    if "{{" in name:
        raise LabError(f"{user} names a {kind} by a template ({name}); a layer's content would be unknown.")
    if kind == "role":
        folders = [provision / "roles" / name, *([provision.parent / OUTSIDE[name]] if name in OUTSIDE else [])]
        return sorted(path for folder in folders for path in folder.rglob("*") if path.is_file())
    return [user.parent / name]


def _uses(node: object, provision: Path) -> Iterator[tuple[str, str]]:
    """Roles and files that a parsed YAML document names, as ("role" | "file", name)."""
    if isinstance(node, list):
        for item in node:
            yield from _uses(item, provision)
    elif isinstance(node, dict):
        for key, value in node.items():
            if key in _PLAYBOOK_KEYS or key in _FILE_KEYS:
                name = str(value["file"] if isinstance(value, dict) else value)
                if not (key in _VARIABLES_KEYS and "{{" in name):  # the target's own credentials: the lab's identity
                    yield "file", name
            elif key in _ROLE_KEYS and isinstance(value, dict):
                yield "role", str(value["name"])
            elif key in ("roles", "dependencies") and isinstance(value, list):
                for role in value:
                    yield "role", str(role if isinstance(role, str) else role.get("role") or role.get("name"))
                yield from _uses([role for role in value if isinstance(role, dict)], provision)
            elif (module := provision / "library" / f"{key}.py").is_file():
                yield "file", str(module)
            elif key == "vars_files" and isinstance(value, list):
                yield from (("file", str(name)) for name in value)
            else:
                yield from _uses(value, provision)
