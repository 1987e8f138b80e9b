"""Turns two booted images into the bare lab: a fresh server with its addresses and a key, and a hub with its places."""

from collections.abc import Callable, Mapping

from lab.agent import Completed
from lab.errors import LabError
from lab.identity import Identity
from lab.parallel import on_both
from lab.waiting import wait_until

Run = Callable[..., Completed]
SSH_SECONDS = 30.0

MAIL_NETWORK = """\
[Match]
Name=eth0

[Network]
Address={public_address}/{lab_internet_prefix}
Address={public_address6}/{lab_internet_prefix6}
Gateway={hub_address}
Gateway={lab_hub_address6}
IPv6AcceptRA=no
"""

PLACES = """\
HUB_ADDRESS={hub_address}
HUB_ADDRESS6={lab_hub_address6}
PREFIX={lab_internet_prefix}
PREFIX6={lab_internet_prefix6}
INTERNET_PROBE={internet_probe}
OUTSIDER_ADDRESS={lab_outsider_address}
OUTSIDER_ADDRESS6={lab_outsider_address6}
ADMIN_ADDRESS={lab_admin_address}
INTRUDER_ADDRESS={lab_intruder_address}
"""

HUB_WIREGUARD = """\
[Interface]
Address = {hub_vpn_address}/{vpn_prefix}
ListenPort = {hub_vpn_port}
PrivateKey = {private}

[Peer]
PublicKey = {public}
AllowedIPs = {vpn_address}/32
"""


def configure(run: Run, identity: Identity, values: Mapping[str, str], abandon: Callable[[], None]) -> None:
    """Set up both VMs as a provider sets up a fresh server: a name, addresses, the owner's key, host keys.

    Args:
        run: out-of-band command, `run(node, argv, stdin=b"", timeout=60.0) -> Completed`.
        identity: the lab's keys.
        values: the lab's inventory.
        abandon: ends the commands of both if one failed.
    """
    settings = {"mail": _mail, "hub": _hub}
    on_both(lambda node: settings[node](run, identity, values), abandon)


def _mail(run: Run, identity: Identity, values: Mapping[str, str]) -> None:
    node = "mail"
    write(run, node, "/root/.ssh/authorized_keys", identity.ssh_public_key + "\n", "0600")
    write(run, node, "/etc/hostname", "mail\n")
    write(run, node, "/etc/hosts", "127.0.0.1 localhost\n127.0.1.1 mail\n::1 localhost ip6-localhost\n")
    write(run, node, "/etc/resolv.conf", f"nameserver {values['internet_probe']}\n")
    write(run, node, "/etc/systemd/network/10-internet.network", MAIL_NETWORK.format(**values))
    expect(run, node, "hostname", "mail")
    expect(run, node, "systemctl", "restart", "systemd-networkd")
    _start_ssh(run, node)
    settle(run, node)


def _hub(run: Run, identity: Identity, values: Mapping[str, str]) -> None:
    node = "hub"
    write(run, node, "/root/.ssh/authorized_keys", identity.ssh_public_key + "\n", "0600")
    write(run, node, "/etc/hostname", "hub\n")
    write(run, node, "/etc/hosts", "127.0.0.1 localhost\n127.0.1.1 hub\n::1 localhost ip6-localhost\n")
    write(run, node, "/etc/lab-places.env", PLACES.format(**values))
    vpn = f"{values['vpn_address']}:{values['ssh_port']}"
    public = values["public_address"]
    relays = {
        "vpn": ("admin", vpn),
        "public": ("outsider", f"{public}:{values['ssh_port']}"),
        "fresh": ("outsider", f"{public}:{values['ssh_port_fresh']}"),
    }
    for name, (place, to) in relays.items():
        write(run, node, f"/etc/lab-relay-{name}.env", f"PLACE={place}\nTO={to}\n")
    keys = HUB_WIREGUARD.format(private=identity.hub.private, public=identity.mail.public, **values)
    write(run, node, "/etc/wireguard/wg0.conf", keys, "0600")
    expect(run, node, "hostname", "hub")
    expect(run, node, "systemctl", "daemon-reload")
    expect(run, node, "systemctl", "start", "lab-places.service")
    expect(run, node, "systemctl", "enable", "--quiet", "--now", "wg-quick@wg0.service", timeout=120)
    expect(run, node, "systemctl", "restart", *(f"lab-relay@{name}.socket" for name in relays))
    _start_ssh(run, node)
    expect(run, node, "loginctl", "enable-linger", "root")  # a login need not wait for root's own systemd
    settle(run, node)


def _start_ssh(run: Run, node: str) -> None:
    """Make host keys and start the server; at boot it may be failing at this moment because it has none."""
    expect(run, node, "systemctl", "stop", "ssh")
    expect(run, node, "ssh-keygen", "-q", "-A", timeout=120)
    wait_until(lambda: _ssh_starts(run, node), f"sshd of {node}", SSH_SECONDS, tolerate=(LabError,), error=LabError)


def _ssh_starts(run: Run, node: str) -> bool:
    """Whether the server starts. Raises LabError with the end of its journal."""
    done: Completed = run(node, ["systemctl", "start", "ssh"])
    if done.exit_status != 0:
        journal = run(node, ["journalctl", "--unit=ssh", "--lines=5", "--output=cat"]).stdout
        raise LabError(journal.decode(errors="replace").strip())
    return True


def write(run: Run, node: str, path: str, text: str, mode: str = "0644") -> None:
    """Write a file in a guest."""
    expect(run, node, "install", "-D", "-m", mode, "/dev/stdin", path, stdin=text.encode())


def settle(run: Run, node: str) -> None:
    """Wait until systemd has started everything. Raises LabError that names the units that failed."""
    done: Completed = run(node, ["systemctl", "is-system-running", "--wait"], timeout=240.0)
    if done.exit_status != 0:
        failed = run(node, ["systemctl", "--failed", "--plain", "--no-legend"]).stdout.decode()
        raise LabError(f"{node} did not start cleanly ({done.stdout.decode().strip()}): {failed}", f"lab logs {node}")


def expect(run: Run, node: str, *argv: str, stdin: bytes = b"", timeout: float = 60.0) -> str:
    """Run a command that must succeed and return its stdout. Raises LabError."""
    done: Completed = run(node, argv, stdin=stdin, timeout=timeout)
    if done.exit_status != 0:
        output = (done.stderr or done.stdout).decode(errors="replace").strip()
        raise LabError(
            f"On {node}, `{' '.join(argv)}` ended with status {done.exit_status}: {output}", f"lab logs {node}"
        )
    return done.stdout.decode(errors="replace")
