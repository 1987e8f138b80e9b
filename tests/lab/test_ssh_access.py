import json
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from lab import ssh_access, ssh_proxy
from lab.errors import LabError
from lab.identity import Identity, WireGuardKeys

VALUES = {
    "vpn_address": "10.100.0.25",
    "public_address": "198.51.100.25",
    "ssh_port": "2288",
    "ssh_port_fresh": "22",
    "wireguard_credentials_file": ".lab/wireguard.yml",
}


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout's state as `lab up` writes it; the forward to the VPN leads to port 40002."""
    root = tmp_path / "a checkout, mine"
    (root / "lab").mkdir(parents=True)
    state = root / ".lab"
    for name, path in {
        "ROOT": root,
        "STATE": state,
        "RELAYS_FILE": state / "relays.json",
        "SSH_CONFIG": state / "ssh_config",
        "KNOWN_HOSTS": state / "known_hosts",
    }.items():
        monkeypatch.setattr(ssh_access, name, path)
    key = tmp_path / "id_ed25519"
    key.write_text("PRIVATE KEY\n")
    key.with_suffix(".pub").write_text("ssh-ed25519 AAAA runner\n")
    identity = Identity(key, WireGuardKeys("mail private", "mail public"), WireGuardKeys("hub private", "hub public"))
    ports = {"hub": 40001, "vpn": 40002, "public": 40003, "fresh": 40004}
    ssh_access.write(identity, ports, VALUES, {"mail": "ssh-ed25519 M\necdsa N\n", "hub": "ssh-ed25519 H\n"})
    return state


def test_every_way_to_the_host_has_its_forward(state: Path) -> None:
    assert json.loads((state / "relays.json").read_text()) == {
        "10.100.0.25:2288": 40002,
        "198.51.100.25:2288": 40003,
        "198.51.100.25:22": 40004,
    }


@pytest.mark.parametrize(("way", "port"), [("vpn", 40002), ("public", 40003), ("fresh", 40004)])
def test_the_address_in_the_vpn_leads_where_ssh_is(state: Path, way: str, port: int) -> None:
    ssh_access.lead(VALUES, way)
    ssh_access.lead(VALUES, way)
    relays = json.loads((state / "relays.json").read_text())
    assert relays == {"10.100.0.25:2288": port, "198.51.100.25:2288": 40003, "198.51.100.25:22": 40004}


def test_only_the_owner_reads_keys(state: Path) -> None:
    for name in ("id_ed25519", "wireguard.yml"):
        assert (state / name).stat().st_mode & 0o777 == 0o600
    assert "mail private" in (state / "wireguard.yml").read_text()
    assert "hub private" not in (state / "wireguard.yml").read_text()


def test_host_keys_are_known_by_name(state: Path) -> None:
    assert (state / "known_hosts").read_text() == ("mail,lab ssh-ed25519 M\nmail,lab ecdsa N\nhub ssh-ed25519 H\n")


@pytest.mark.parametrize("address", ["10.100.0.25", "198.51.100.25"])
def test_ssh_reads_the_ways_as_they_are_meant(state: Path, address: str) -> None:
    """`ssh -G` connects nowhere."""
    argv: list[str | Path] = ["ssh", "-F", state / "ssh_config", "-G", address]
    said = subprocess.run(argv, capture_output=True, text=True, check=True)
    options = dict(line.split(" ", 1) for line in said.stdout.splitlines())
    assert options["hostkeyalias"] == "mail"
    assert options["proxyusefdpass"] == "yes"
    assert options["stricthostkeychecking"] in ("yes", "true")
    assert options["identityfile"].strip('"') == str(state / "id_ed25519")
    assert options["userknownhostsfile"].strip('"') == str(state / "known_hosts")
    assert options["proxycommand"] == f'"{sys.executable}" -I "{state.parent}/lab/ssh_proxy.py" %h %p'


@pytest.mark.parametrize("character", ['"', "$", "%", ":", "\\", "'", "\n"])
def test_a_path_that_tools_would_misread_is_refused(monkeypatch: pytest.MonkeyPatch, character: str) -> None:
    monkeypatch.setattr(ssh_access, "ROOT", Path(f"/home/me/a{character}b"))
    with pytest.raises(LabError, match="has characters"):
        ssh_access.require_plain_paths()


def test_spaces_and_commas_in_a_path_are_fine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ssh_access, "ROOT", Path("/home/me/a b, c"))
    ssh_access.require_plain_paths()


class Relay:
    """`ssh_proxy.py` as ssh starts it: in a checkout of its own, its standard output a socket."""

    def __init__(self, checkout: Path) -> None:
        self.state = checkout / ".lab"
        self.state.mkdir(parents=True)
        (checkout / "lab").mkdir()
        self.program = checkout / "lab" / "ssh_proxy.py"
        self.program.write_text(Path(ssh_proxy.__file__).read_text())

    def knows(self, relays: dict[str, int]) -> None:
        (self.state / "relays.json").write_text(json.dumps(relays))

    def asked(self, address: str, port: str) -> tuple[subprocess.CompletedProcess[bytes], list[int]]:
        """How it ended, and the descriptors that it passed."""
        ours, its = socket.socketpair()
        with ours, its:
            argv = [sys.executable, "-I", str(self.program), address, port]
            done = subprocess.run(argv, stdout=its.fileno(), stderr=subprocess.PIPE, timeout=20, check=False)
            ours.setblocking(False)
            try:
                _, descriptors, _, _ = socket.recv_fds(ours, 1, 1)
            except BlockingIOError:
                descriptors = []
        return done, list(descriptors)


@pytest.fixture
def relay(tmp_path: Path) -> Relay:
    return Relay(tmp_path / "a checkout, mine")


def test_the_relay_passes_a_connection_to_the_forward(relay: Relay) -> None:
    with socket.create_server(("127.0.0.1", 0)) as forward:
        relay.knows({"10.100.0.25:2288": forward.getsockname()[1]})
        done, descriptors = relay.asked("10.100.0.25", "2288")
        assert (done.returncode, done.stderr) == (0, b"")
        with socket.socket(fileno=descriptors[0]) as passed:
            hub, _ = forward.accept()
            with hub:
                hub.sendall(b"SSH-2.0-")
                assert passed.recv(16) == b"SSH-2.0-"


@pytest.mark.parametrize(("address", "port"), [("10.100.0.26", "2288"), ("10.100.0.25", "22"), ("example.org", "22")])
def test_the_relay_refuses_what_it_does_not_know(relay: Relay, address: str, port: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as forward:
        relay.knows({"10.100.0.25:2288": forward.getsockname()[1]})
        done, descriptors = relay.asked(address, port)
        forward.setblocking(False)
        with pytest.raises(BlockingIOError):
            forward.accept()
    assert (done.returncode, descriptors) == (1, [])
    assert f"no way to {address}:{port}" in done.stderr.decode()


def test_the_relay_of_a_lab_that_does_not_run(relay: Relay) -> None:
    done, _ = relay.asked("10.100.0.25", "2288")
    assert (done.returncode, done.stderr.decode()) == (1, "The lab is not running (lab up).\n")


def test_the_relay_of_a_lab_that_was_killed(relay: Relay) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    relay.knows({"10.100.0.25:2288": port})
    done, _ = relay.asked("10.100.0.25", "2288")
    assert done.returncode == 1
    assert "does not answer" in done.stderr.decode()
