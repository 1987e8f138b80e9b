"""The production host of a rehearsal: the lab's mail, described as the operator describes the real one.

The project is seen from a folder of its own, where target vultr has another address and settings of ssh; nothing in
the project itself can be told to take the lab for production.
"""

import json
import os
import shutil
import sys
from collections.abc import Container, Mapping
from pathlib import Path

from lab import ssh_access
from lab.errors import LabError
from lab.paths import ROOT
from proof import process
from proof.hosts import target as targets
from proof.hosts.connections import MAIL
from proof.hosts.recorded_lab import LabControl
from proof.hosts.target import Target

TARGET = "vultr"
FOLDER = ROOT / ".lab" / "stand-in"
SHARED = ("conftest.py", "pyproject.toml", "features", "steps", "proof", "lab", "sql")
ADDRESSES = ("public_address", "public_address6")  # what terraform/deploy.sh writes
PATHS = ("admin_public_key_file", "wireguard_credentials_file")
CONFIRM_SECONDS = 120.0
RATE = 4000  # packets a second: what an emulated host takes in beside its other work

# sshd itself, without a listener, inside the place: what logs in there looks from there.
SSH_CONFIG = """\
Host {addresses}
    UserKnownHostsFile "{known_hosts}"
Host *
Include "{config}"
Host stand-in-outsider
    ProxyCommand ssh -F "{config}" hub ip netns exec outsider /usr/sbin/sshd -i
    User root
    HostKeyAlias hub
"""


def described(lab: Mapping[str, object], root: Path, ssh_config: Path) -> dict[str, object]:
    """The operator's own variables of the stand-in, from those of the lab's host."""
    copied = (*ADDRESSES, "hub_address", "internet_probe", "postgres_image", "postgres_image_archive")
    return {
        **{name: lab[name] for name in copied},
        **{name: str(targets.resolve(str(lab[name]), root)) for name in PATHS},
        "hub_address6": lab["lab_hub_address6"],
        "ssh_config_file": str(ssh_config),
        "scan_packets_per_second": RATE,
        "hub_host": "hub",
        "outsider_host": "stand-in-outsider",
    }


def make(folder: Path = FOLDER, root: Path = ROOT) -> Target:
    """Make the folder again; returns the target as a run in it sees it. Raises LabError."""
    lay_out(folder, root)
    return targets.load(TARGET, folder)


def confirm_host_key(lab: LabControl, folder: Path = FOLDER) -> None:
    """Note the key of mail's SSH server as the operator does, with what the console shows. Raises LabError."""
    shown = lab.exec(MAIL, ["ssh-keygen", "-l", "-f", "/etc/ssh/ssh_host_ed25519_key.pub"]).stdout.decode()
    programs = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = process.run(
        [str(folder / "provision" / "confirm_host_key.sh"), TARGET],
        timeout=CONFIRM_SECONDS,
        env={**os.environ, "PATH": programs},
        stdin=f"{shown.split()[1][-8:]}\n".encode(),
    )
    if done.exit_status != 0:
        raise LabError(f"The key of mail's SSH server could not be noted: {done.stderr.strip()}")


def lay_out(folder: Path, root: Path, without: Container[str] = ()) -> None:
    """Make the folder again, leaving out some of the operator's variables."""
    shutil.rmtree(folder, ignore_errors=True)
    inventory = folder / "provision" / "inventory"
    (inventory / "group_vars" / "production").mkdir(parents=True)
    for name in SHARED:
        (folder / name).symlink_to(root / name)
    for path in (root / "provision").iterdir():
        if path.name != "inventory":
            (folder / "provision" / path.name).symlink_to(path)
    for name in (f"{TARGET}.yml", "group_vars/all"):
        (inventory / name).symlink_to(targets.inventories(root) / name)
    config = folder / "ssh_config"
    known = targets.load(targets.LAB, root).variables
    addresses = f"{known['vpn_address']} {known['public_address']}"
    config.write_text(
        SSH_CONFIG.format(config=ssh_access.SSH_CONFIG, addresses=addresses, known_hosts=folder / "known_hosts")
    )
    variables = described(known, root, config)
    own = {name: value for name, value in variables.items() if name not in without}
    (inventory / "group_vars" / "production" / "stand-in.yml").write_text(json.dumps(own, indent=1))
