"""The host after a reboot without any help: one reboot a run answers every scenario that asks."""

from collections.abc import Callable, Mapping

from pytest_bdd import parsers, then, when

from proof.clients import reboot
from proof.clients.reboot import LONGEST, RebootResult
from proof.evidence.recorder import Recorder
from proof.hosts.target import Target
from proof.parsers import nft, ss

SSH_SECONDS = 90.0  # within which SSH must be back


@when("the host has been rebooted")
def has_been_rebooted(rebooted: RebootResult, evidence: Recorder) -> None:
    """The reboot may have been an earlier scenario's."""
    evidence.note(f"after this run's reboot of mail, SSH was back in {rebooted.seconds:.0f} s: {rebooted}")


def login_works(result: RebootResult, _: Target) -> None:
    """The reboot's own wait is a login; without one there is no result."""
    assert result.seconds <= SSH_SECONDS, f"after a reboot SSH took {result.seconds:.0f} s to come back"


def one_listener(result: RebootResult, target: Target) -> None:
    """On the VPN address."""
    shown = ", ".join(map(str, result.listeners))
    assert ss.is_only(result.listeners, target.text("vpn_address"), target.number("ssh_port")), (
        f"after a reboot SSH listens on mail on: {shown}"
    )


def denies_by_default(result: RebootResult, _: Target) -> None:
    """Read when the administrator was in again."""
    families = {"IPv4": "ip", "IPv6": "ip6"}
    accepted = [family for family, name in families.items() if not nft.denies_by_default(result.chains, name)]
    shown = "\n".join(map(str, result.chains)) or "no base chain at all"
    assert not accepted, f"after a reboot of mail the kernel accepts {accepted}:\n{shown}"


def fresh_handshake(result: RebootResult, _: Target) -> None:
    """No older than the boot itself can be."""
    ages = [peer.handshake_age for peer in result.peers]
    assert ages, "after a reboot mail's tunnel had no peer"
    assert all(age is not None and age < LONGEST for age in ages), f"handshakes after a reboot: {result.peers}"


def hub_answers(result: RebootResult, _: Target) -> None:
    """Asked from the host."""
    assert result.hub_answered, "after a reboot of mail the hub did not answer over the VPN"


def jail_watches(result: RebootResult, _: Target) -> None:
    """Its own status, when the administrator was in again."""
    assert reboot.jail_watches(result), f"after a reboot of mail fail2ban reported:\n{result.guard}"


def database_answers(result: RebootResult, _: Target) -> None:
    """Within 90 seconds of the boot."""
    assert not result.database, f"90 s after the boot the database on mail took no logins: {result.database}"


FACTS: Mapping[str, Callable[[RebootResult, Target], None]] = {
    "the administrator could log in over the VPN": login_works,
    "the SSH server had exactly one listener, on the VPN address": one_listener,
    "the packet filter denied incoming IPv4 and IPv6 by default": denies_by_default,
    "the tunnel had a fresh handshake": fresh_handshake,
    "the hub answered over the VPN": hub_answers,
    "the jail was watching SSH": jail_watches,
    "the database took logins within 90 seconds": database_answers,
}


@then(parsers.re(f"after that boot (?P<fact>{'|'.join(FACTS)})"))
def fact_holds(rebooted: RebootResult, target: Target, fact: str) -> None:
    """Each fact was recorded right after the boot."""
    FACTS[fact](rebooted, target)
