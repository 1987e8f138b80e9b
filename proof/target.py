"""Hosts that can be proved: each is an inventory, the only place for its addresses, ports and keys."""

import hashlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from lab.errors import LabError, UsageError
from lab.paths import ROOT
from proof.record import write_atomically
from proof.redact import redactor

LAB = "lab"
HOST = "mail"
NAMED = re.compile(r"{{ (\w+) }}")  # a variable inside another one's value


@dataclass(frozen=True)
class Target:
    """A host to prove, by the name of its inventory.

    `variables` are the inventory's variables of host mail; `ssh_config` is None where the operator's own
    OpenSSH configuration counts. Only a resettable target may be broken on purpose.
    """

    name: str
    variables: Mapping[str, object]
    ssh_config: Path | None
    resettable: bool

    def text(self, name: str) -> str:
        """A variable as text, those that it names filled in. Raises LabError where the inventory lacks one."""
        try:
            written = str(self.variables[name])
        except KeyError:
            raise LabError(
                f"The inventory of {self.name} has no variable {name}.", f"add it to {inventory(self.name)}"
            ) from None
        return NAMED.sub(lambda named: self.text(named[1]), written)

    def number(self, name: str) -> int:
        """A variable as a whole number. Raises LabError where it is missing or no number."""
        try:
            return int(self.text(name))
        except ValueError:
            raise LabError(f"{name} in the inventory of {self.name} is no number: {self.text(name)}.") from None


def inventories(root: Path = ROOT) -> Path:
    """The folder of inventories of a checkout."""
    return root / "provision" / "inventory"


def inventory(name: str, root: Path = ROOT) -> Path:
    """The inventory file of a target."""
    return inventories(root) / f"{name}.yml"


def known(root: Path = ROOT) -> list[str]:
    """Names of the targets that have an inventory."""
    return sorted(path.stem for path in inventories(root).glob("*.yml"))


def resolve(path: str, root: Path = ROOT) -> Path:
    """A path of the inventory: relative to the project's root, absolute, or with ~."""
    return root / Path(path).expanduser()


def _content_hash(name: str, root: Path) -> str:
    digest = hashlib.sha256(name.encode())
    for path in sorted(inventories(root).rglob("*")):
        if path.is_file():
            digest.update(f"{path.relative_to(root)}\0".encode() + path.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


def _ask_ansible(name: str, root: Path) -> dict[str, object]:
    beside = Path(sys.executable).with_name("ansible-inventory")
    program = str(beside) if beside.exists() else "ansible-inventory"
    environment = {**os.environ, "LC_ALL": "C.UTF-8", "ANSIBLE_CONFIG": str(root / "provision/ansible.cfg")}
    try:
        done = subprocess.run(
            [program, "-i", str(inventory(name, root)), "--host", HOST],
            capture_output=True,
            cwd=root,
            env=environment,
            check=False,
            timeout=60,
        )
    except FileNotFoundError:
        raise LabError("ansible-inventory is not installed.", "run make accept, or pip install -e .") from None
    except subprocess.TimeoutExpired:
        raise LabError(f"ansible-inventory did not read {inventory(name, root)} within 60 s.") from None
    if done.returncode != 0:
        raise LabError(
            f"ansible-inventory cannot read {inventory(name, root)}: " + done.stderr.decode(errors="replace").strip(),
            "mend the inventory",
        )
    values: dict[str, object] = json.loads(done.stdout)
    return values


def _variables(name: str, root: Path) -> dict[str, object]:
    kept = root / ".lab" / f"inventory-{name}.json"
    content = _content_hash(name, root)
    try:
        remembered = json.loads(kept.read_text(encoding="utf-8"))
        if remembered["content"] == content:
            values: dict[str, object] = remembered["variables"]
            return values
    except (OSError, ValueError, KeyError, TypeError):
        pass  # nothing remembered, or not of this format: ask again
    values = _ask_ansible(name, root)
    kept.parent.mkdir(mode=0o700, exist_ok=True)
    write_atomically(kept, json.dumps({"content": content, "variables": values}), mode=0o600)
    return values


def _register_secrets(variables: Mapping[str, object], root: Path) -> None:
    redactor.register_mapping(variables)
    credentials = variables.get("wireguard_credentials_file")
    if isinstance(credentials, str):
        try:
            secrets = yaml.safe_load(resolve(credentials, root).read_text(encoding="utf-8"))
        except (OSError, yaml.YAMLError):
            return  # not there yet: then nothing of it can be shown either
        if isinstance(secrets, dict):
            redactor.register_mapping(secrets)


def load(name: str, root: Path = ROOT) -> Target:
    """The target of this name.

    Raises:
        UsageError: no inventory has that name; the message names the known ones.
        LabError: the inventory cannot be read.
    """
    if name not in known(root):
        names = ", ".join(known(root)) or "none"
        raise UsageError(f"There is no host {name!r}; the inventory knows: {names}.")
    variables = _variables(name, root)
    _register_secrets(variables, root)
    config = variables.get("ssh_config_file")
    return Target(
        name=name,
        variables=variables,
        ssh_config=resolve(config, root) if isinstance(config, str) else None,
        resettable=name == LAB,
    )
