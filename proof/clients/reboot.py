"""The host after a reboot: one reboot a run serves the scenarios of all tasks."""

import time
from dataclasses import dataclass

from testinfra.host import Host

from lab.waiting import WaitTimeoutError, wait_until
from proof.clients import tcp_probe
from proof.clients.openssh import Admin
from proof.hosts.recorded_lab import RecordedLab
from proof.hosts.target import Target
from proof.parsers import fail2ban, nft, ss, wireguard
from proof.parsers.errors import NothingToReadError
from proof.probes import fail2ban as jail
from proof.probes import postgres

JAIL = "sshd"
LONGEST = 120.0  # seconds from the first sign of life until SSH must be back
DATABASE_LONGEST = 90.0  # and until the database must be
SETTLED_LONGEST = 120.0  # and until every unit that starts at boot must have started or failed
JOURNAL = "journalctl --quiet --no-pager --no-hostname --boot --priority=err --output=short-monotonic"


@dataclass(frozen=True)
class RebootResult:
    """The host as it was found after a reboot that no one helped.

    Args:
        seconds: from the first sign of life out of band until the administrator was in.
        guard: what `fail2ban-client status` said; its own words where it knew no jail.
        database: why the database did not take logins from the VPN in time; empty if it did.
        state: what systemd said of the whole boot, such as running or degraded; starting where it never came to an end.
        failed: units that failed.
        errors: lines of this boot's journal of priority err and worse.
    """

    seconds: float
    chains: tuple[nft.Chain, ...]
    listeners: tuple[ss.Listener, ...]
    peers: tuple[wireguard.Peer, ...]
    hub_answered: bool
    guard: str
    database: str
    state: str
    failed: tuple[str, ...]
    errors: tuple[str, ...]


def reboot(lab: RecordedLab, mail: Host, admin: Admin, target: Target) -> RebootResult:
    """Reboot the host, wait until the administrator gets in, and look around.

    Raises:
        WaitTimeoutError: SSH did not come back.
    """
    lab.reboot("mail")
    started = time.monotonic()
    wait_until(lambda: admin.login(timeout=20).accepted, "SSH to come back unaided after a reboot", LONGEST)
    seconds = time.monotonic() - started
    database = _database(mail, target, started + DATABASE_LONGEST)
    return RebootResult(
        seconds=seconds,
        chains=nft.chains(mail.check_output("nft --json list chains")),
        listeners=ss.of_ssh(ss.parse(mail.check_output("ss -H -l -t -n -p"))),
        peers=wireguard.peers(mail.check_output("wg show %s", target.text("vpn_interface"))),
        hub_answered=tcp_probe.answers_ping(mail, target.text("hub_vpn_address")),
        guard=_jail(mail),
        database=database,
        state=_settled(mail, started + SETTLED_LONGEST),
        failed=_lines(mail, "systemctl list-units --failed --plain --no-legend"),
        errors=_lines(mail, JOURNAL),
    )


def _settled(mail: Host, deadline: float) -> str:
    """What systemd says of the boot when nothing is left to be started, or at the deadline."""
    left = max(1, round(deadline - time.monotonic()))
    return str(mail.run("timeout %s systemctl is-system-running --wait", str(left)).stdout.strip()) or "starting"


def _lines(mail: Host, command: str) -> tuple[str, ...]:
    return tuple(mail.check_output(command).splitlines())


def _database(mail: Host, target: Target, deadline: float) -> str:
    """Empty once the database asks a client for its password; what it or the kernel said at the deadline otherwise."""
    server = target.text("vpn_address"), target.number("postgres_port")
    left = max(0.0, deadline - time.monotonic())
    try:
        wait_until(lambda: not mail.call(postgres.greeting, *server), "the database to take logins", left)
    except WaitTimeoutError:
        return str(mail.call(postgres.greeting, *server)) or "it took logins, but too late"
    return ""


def _jail(mail: Host) -> str:
    """The jail's status, once the server has read its settings; its last words where it never does."""
    try:
        wait_until(lambda: mail.call(jail.state, JAIL), "fail2ban to answer", 30.0, tolerate=(AssertionError,))
    except WaitTimeoutError as error:
        return str(error)
    return str(mail.check_output("fail2ban-client status %s", JAIL))


def jail_watches(aftermath: RebootResult) -> bool:
    """Whether the jail of SSH was there and read the journal."""
    try:
        return bool(fail2ban.parse(aftermath.guard).journal)
    except NothingToReadError:
        return False
