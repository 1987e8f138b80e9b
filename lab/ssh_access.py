"""The runner's way in: an ssh_config whose every connection ends on 127.0.0.1 in a forward to the hub.

No packet for an address of the lab ever leaves the machine: for such an address `lab/ssh_proxy.py` hands OpenSSH a
connection to the forward that the hub relays from the right place, and refuses what it does not know.
"""

import json
import sys
from collections.abc import Mapping

from lab import atomic
from lab.errors import LabError
from lab.identity import Identity
from lab.paths import ROOT, STATE, cache

MAIL, TARGET = "mail", "lab"
RELAYS_FILE = STATE / "relays.json"
SSH_CONFIG = STATE / "ssh_config"
KNOWN_HOSTS = STATE / "known_hosts"
ODD = set("\"'$%:\\`{}\n")

TEMPLATE = """\
# Written by `lab up`; the ports belong to this run of the lab.
Host {vpn} {public}
    ProxyCommand "{python}" -I "{relay}" %h %p
    ProxyUseFdpass yes
    HostKeyAlias mail
Host hub
    HostName 127.0.0.1
    Port {hub_port}
    User root
    HostKeyAlias hub
Host *
    IdentityFile "{key}"
    IdentitiesOnly yes
    UserKnownHostsFile "{known_hosts}"
    GlobalKnownHostsFile none
    StrictHostKeyChecking yes
    PasswordAuthentication no
    BatchMode yes
    ConnectTimeout 20
    ServerAliveInterval 5
    ServerAliveCountMax 3
"""


def require_plain_paths() -> None:
    """Raise LabError if a path has a character that ssh, Ansible or PATH would misread."""
    for path in (ROOT, cache()):
        if odd := sorted(ODD & set(str(path))):
            raise LabError(
                f"The path {str(path)!r} has characters that not every tool takes: {' '.join(odd)}",
                "Move the checkout, or set MAIL_LAB_CACHE, to a path without them",
            )


def _addresses(values: Mapping[str, str]) -> dict[str, str]:
    """Where the host's SSH may be, by the endpoint that leads there."""
    return {
        "vpn": f"{values['vpn_address']}:{values['ssh_port']}",
        "public": f"{values['public_address']}:{values['ssh_port']}",
        "fresh": f"{values['public_address']}:{values['ssh_port_fresh']}",
    }


def lead(values: Mapping[str, str], way: str) -> None:
    """Let the host's address in the VPN lead to another place of its SSH, until `write` is called.

    Args:
        values: the lab's inventory.
        way: endpoint: "vpn", "public" or "fresh".
    """
    relays, addresses = json.loads(RELAYS_FILE.read_text()), _addresses(values)
    relays[addresses["vpn"]] = relays[addresses[way]]
    atomic.write(RELAYS_FILE, json.dumps(relays, indent=1), mode=0o600)


def write(
    identity: Identity, ports: Mapping[str, int], values: Mapping[str, str], host_keys: Mapping[str, str]
) -> None:
    """Write ssh_config, known_hosts, keys and credentials of this checkout's lab.

    Args:
        identity: the lab's keys.
        ports: endpoint -> port on 127.0.0.1.
        values: the lab's inventory.
        host_keys: node -> lines of its public host keys.
    """
    STATE.mkdir(parents=True, exist_ok=True)
    relays = {address: ports[way] for way, address in _addresses(values).items()}
    atomic.write(RELAYS_FILE, json.dumps(relays, indent=1), mode=0o600)
    atomic.write(STATE / "id_ed25519", identity.ssh_key.read_text(), mode=0o600)
    (STATE / "id_ed25519.pub").write_text(identity.ssh_public_key + "\n")
    names = {MAIL: f"{MAIL},{TARGET}"}  # Ansible and the suite look for it under the name of the target
    known = [f"{names.get(node, node)} {line}" for node, keys in host_keys.items() for line in keys.splitlines()]
    KNOWN_HOSTS.write_text("\n".join(known) + "\n")
    SSH_CONFIG.write_text(
        TEMPLATE.format(
            vpn=values["vpn_address"],
            public=values["public_address"],
            python=sys.executable,
            relay=ROOT / "lab" / "ssh_proxy.py",
            hub_port=ports["hub"],
            key=STATE / "id_ed25519",
            known_hosts=KNOWN_HOSTS,
        )
    )
    atomic.write(
        ROOT / values["wireguard_credentials_file"],
        f"---\nwireguard_private_key: {identity.mail.private}\nwireguard_hub_public_key: {identity.hub.public}\n",
        mode=0o600,
    )
