"""Hosts that can be proved: each is in an inventory, the only place for its addresses, ports and keys.

`NAME` is the host mail of provision/inventory/NAME.yml. Further hosts of an inventory bear their own names, and a
group of an inventory stands for all of its hosts.
"""

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from lab import atomic
from lab.errors import LabError, UsageError
from lab.inventory import NAMED
from lab.paths import ROOT
from proof.evidence.redact import redactor

LAB = "lab"
HOST = "mail"


@dataclass(frozen=True)
class Target:
    """A host to prove, by the name that `--host` gives it.

    `variables` are the inventory's variables of this host; `ssh_config` is None if the operator's own
    OpenSSH configuration counts. Only a resettable target may be broken on purpose. `inventory` names the
    inventory where that is not the target's own name.
    """

    name: str
    variables: Mapping[str, object]
    ssh_config: Path | None
    resettable: bool
    inventory: str = ""

    @property
    def source(self) -> str:
        """The file that describes the host, as a person names it."""
        return f"provision/inventory/{self.inventory or self.name}.yml"

    @property
    def ssh_options(self) -> tuple[str, ...]:
        """Options of ssh for this host: all its addresses and ports have one key, noted under the target's name."""
        config = ("-F", str(self.ssh_config)) if self.ssh_config else ()
        return (*config, "-o", f"HostKeyAlias={self.name}")

    def text(self, name: str) -> str:
        """A variable as text, those that it names filled in. Raises LabError if the inventory lacks one."""
        try:
            written = str(self.variables[name])
        except KeyError:
            raise LabError(
                f"The inventory of {self.name} has no variable {name}.", f"add it to {self.source}"
            ) from None
        return self.fill(written)

    def fill(self, text: str) -> str:
        """A text with the values of the variables that it names. Raises LabError if the inventory lacks one."""
        return NAMED.sub(lambda named: self.text(named[1]), text)

    def number(self, name: str) -> int:
        """A variable as a whole number. Raises LabError if it is missing or no number."""
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


@dataclass(frozen=True)
class Listing:
    """An inventory as Ansible reads it: variables by host, hosts by group."""

    hosts: Mapping[str, Mapping[str, object]]
    groups: Mapping[str, Sequence[str]]


def _ask_ansible(name: str, root: Path) -> dict[str, Any]:
    beside = Path(sys.executable).with_name("ansible-inventory")
    program = str(beside) if beside.exists() else "ansible-inventory"
    environment = {**os.environ, "LC_ALL": "C.UTF-8", "ANSIBLE_CONFIG": str(root / "provision/ansible.cfg")}
    try:
        done = subprocess.run(
            [program, "-i", str(inventory(name, root)), "--list"],
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
    said = done.stderr.decode(errors="replace").strip()
    if done.returncode != 0 or "Unable to parse" in said:
        raise LabError(f"ansible-inventory cannot read {inventory(name, root)}: {said}", "fix the inventory")
    listed: dict[str, Any] = json.loads(done.stdout)
    return listed


def _members(listed: Mapping[str, Any], group: str) -> Iterator[str]:
    yield from listed.get(group, {}).get("hosts", ())
    for child in listed.get(group, {}).get("children", ()):
        yield from _members(listed, child)


def _listing(name: str, root: Path) -> Listing:
    listed = _listed(name, root)
    groups = {group: sorted(set(_members(listed, group))) for group in listed if group not in ("_meta", "ungrouped")}
    hosts = sorted({HOST, *groups.get("all", ())})
    return Listing({host: listed["_meta"]["hostvars"].get(host, {}) for host in hosts}, groups)


def _listed(name: str, root: Path) -> dict[str, Any]:
    kept = root / ".lab" / f"inventory-{name}.json"
    content = _content_hash(name, root)
    try:
        remembered = json.loads(kept.read_text(encoding="utf-8"))
        if remembered["content"] == content:
            known: dict[str, Any] = remembered["listed"]
            return known
    except (OSError, ValueError, KeyError, TypeError):
        pass  # nothing remembered, or not of this format: ask again
    listed = _ask_ansible(name, root)
    kept.parent.mkdir(mode=0o700, exist_ok=True)
    atomic.write(kept, json.dumps({"content": content, "listed": listed}), mode=0o600)
    return listed


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


def _found(name: str, root: Path) -> list[tuple[str, str]]:
    """Inventory and host of everything that a name means."""
    if name in known(root):
        return [(name, HOST)]
    found = []
    for each in known(root):
        listing = _listing(each, root)
        found += [(each, host) for host in listing.groups.get(name, [name] if name in listing.hosts else [])]
    return [] if name in ("all", HOST) else found  # both are in every inventory: they say nothing


def choices(root: Path = ROOT) -> list[str]:
    """Every name of a host or of a group of hosts. Raises LabError if an inventory cannot be read."""
    names = set(known(root))
    for each in known(root):
        listing = _listing(each, root)
        names |= {*listing.hosts, *listing.groups} - {HOST, "all"}
    return sorted(names)


def _target(inventory_name: str, host: str, root: Path) -> Target:
    variables = _listing(inventory_name, root).hosts[host]
    _register_secrets(variables, root)
    config = variables.get("ssh_config_file")
    return Target(
        name=inventory_name if host == HOST else host,
        variables=variables,
        ssh_config=resolve(config, root) if isinstance(config, str) else None,
        resettable=(inventory_name, host) == (LAB, HOST),
        inventory=inventory_name,
    )


def select(names: Sequence[str], root: Path = ROOT) -> list[Target]:
    """The targets of these names, each once, in the order of the names.

    Raises:
        UsageError: a name stands for nothing; the message names the known ones.
        LabError: an inventory cannot be read.
    """
    chosen: dict[tuple[str, str], Target] = {}
    for name in names:
        found = _found(name, root)
        if not found:
            raise UsageError(f"There is no host {name!r}; the inventory knows: {', '.join(choices(root)) or 'none'}.")
        for place in found:
            chosen.setdefault(place, _target(*place, root))
    return list(chosen.values())


def load(name: str, root: Path = ROOT) -> Target:
    """The first target of this name; raises as `select`."""
    return select([name], root)[0]
