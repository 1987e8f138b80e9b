"""What makes a fresh server and a hub of two booted images."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from lab import bare
from lab.agent import Completed
from lab.errors import LabError
from lab.identity import Identity, WireGuardKeys
from lab.nodes import NODES

NAMES = """
hub_address hub_vpn_address hub_vpn_port internet_probe public_address public_address6 ssh_port ssh_port_fresh
vpn_address vpn_prefix lab_admin_address lab_hub_address6 lab_internet_prefix lab_internet_prefix6
lab_intruder_address lab_outsider_address lab_outsider_address6
"""
VALUES = dict.fromkeys(NAMES.split(), "1")


class Guests:
    """Both machines: what was run in them, and which command fails."""

    def __init__(self, refused: str = "") -> None:
        self.ran: dict[str, list[str]] = {node: [] for node in NODES}
        self.written: dict[str, bytes] = {}
        self._refused = refused

    def run(self, node: str, argv: Sequence[str], stdin: bytes = b"", timeout: float = 60.0) -> Completed:
        """As a provider runs a command out of band."""
        assert timeout > 0
        command = " ".join(argv)
        self.ran[node].append(command)
        if stdin:
            self.written[f"{node}:{argv[-1]}"] = stdin
        fails = self._refused and self._refused in command
        return Completed(1, b"", b"it is broken") if fails else Completed(0, b"ssh.service failed", b"")


@pytest.fixture
def identity(tmp_path: Path) -> Identity:
    (tmp_path / "id.pub").write_text("ssh-ed25519 AAAA owner\n")
    return Identity(tmp_path / "id", WireGuardKeys("mail's secret", "mail's"), WireGuardKeys("hub's secret", "hub's"))


def configure(guests: Guests, identity: Identity) -> None:
    bare.configure(guests.run, identity, VALUES, lambda: None)


@pytest.mark.parametrize("node", NODES)
def test_ssh_starts_once_its_keys_are_there(identity: Identity, node: str) -> None:
    guests = Guests()
    configure(guests, identity)
    about_ssh = [command for command in guests.ran[node] if command.endswith(" ssh") or "ssh-keygen" in command]
    assert about_ssh == ["systemctl stop ssh", "ssh-keygen -q -A", "systemctl start ssh"]
    assert guests.ran[node][-1] == "systemctl is-system-running --wait"


def test_each_machine_gets_the_owners_key_and_only_its_own_secret(identity: Identity) -> None:
    guests = Guests()
    configure(guests, identity)
    for node in NODES:
        assert guests.written[f"{node}:/root/.ssh/authorized_keys"] == b"ssh-ed25519 AAAA owner\n"
    tunnel = guests.written["hub:/etc/wireguard/wg0.conf"]
    assert b"PrivateKey = hub's secret\n" in tunnel
    assert b"PublicKey = mail's\n" in tunnel
    assert not [name for name, text in guests.written.items() if b"mail's secret" in text]
    assert not [command for commands in guests.ran.values() for command in commands if "secret" in command]


def test_a_command_that_fails_is_named(identity: Identity) -> None:
    with pytest.raises(LabError, match=r"On (mail|hub), `ssh-keygen -q -A` ended with status 1: it is broken"):
        configure(Guests("ssh-keygen"), identity)


def test_a_server_that_does_not_start_shows_its_journal(identity: Identity, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bare, "SSH_SECONDS", 0.0)
    with pytest.raises(LabError, match=r"waited 0 s for sshd of (mail|hub).*: LabError: ssh.service failed"):
        configure(Guests("start ssh"), identity)


def test_units_that_failed_are_named(identity: Identity) -> None:
    with pytest.raises(LabError, match=r"did not start cleanly \(.*\): ssh.service failed"):
        configure(Guests("is-system-running"), identity)
