"""1.3.1: the effective settings of SSH, firewall, updates and banner, and their effect on an attacker."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

import pytest
import yaml
from pytest_bdd import given, parsers, scenarios, then, when
from testinfra.backend.base import CommandResult
from testinfra.host import Host

from lab.paths import FEATURES
from proof.clients import overlay
from proof.evidence.recorder import Recorder
from proof.hosts.recorded_lab import RecordedLab
from proof.hosts.target import Target
from proof.parsers import apt, nft, ss, ssh_audit, ssh_login, sshd, upgrades
from proof.probes import listener as stray
from proof.transport.command import RunningCommand

scenarios("../features/task_1.3.1.feature")

FILTER_FAMILY = {"IPv4": "ip", "IPv6": "ip6"}
CANARIES = {"security": "mail-lab-security-canary", "ordinary": "mail-lab-ordinary-canary"}
NONE = "(none)"  # as apt says it
OTHER_WAYS = (
    "passwordauthentication",
    "kbdinteractiveauthentication",
    "hostbasedauthentication",
    "gssapiauthentication",
    "permitemptypasswords",
)
DAILY = ("APT::Periodic::Update-Package-Lists", "APT::Periodic::Unattended-Upgrade")


def policy() -> Mapping[str, tuple[str, ...]]:
    """Kind of algorithm to the ones that may be offered."""
    document = yaml.safe_load((FEATURES / "ssh_policy.yml").read_text(encoding="utf-8"))
    return {kind: tuple(names) for kind, names in document.items()}


def outside_policy(offer: Mapping[str, tuple[str, ...]]) -> list[str]:
    """Every offered algorithm that our policy does not name, and every kind of which nothing was seen."""
    allowed = policy()
    unseen = [f"{kind}: none was seen" for kind in allowed if not offer.get(kind)]
    return unseen + [f"{kind}: {name}" for kind in allowed for name in offer.get(kind, ()) if name not in allowed[kind]]


@then("each of them is on the port that the inventory names")
def each_on_the_port(listeners: tuple[ss.Listener, ...], target: Target) -> None:
    port = target.number("ssh_port")
    elsewhere = [str(listener) for listener in listeners if listener.port != port]
    assert listeners, "no SSH server listens on mail"
    assert not elsewhere, f"on mail, SSH listens beside port {port}: {elsewhere}"


@then("no rule of the packet filter leads another port to it")
def no_redirection(mail: Host, target: Target) -> None:
    """No list of listeners shows a redirection."""
    found = nft.redirections(mail.check_output("nft --json --stateless list ruleset"), target.number("ssh_port"))
    assert not found, f"on mail, the packet filter leads other ports to SSH: {found}"


@when("the sockets that systemd holds are looked up", target_fixture="sockets")
def look_up_sockets(mail: Host) -> list[str]:
    """TCP, unix and machine sockets alike, each with the unit that it starts."""
    shown = mail.check_output("systemctl list-sockets --all --full --no-legend --no-pager")
    return [str(line) for line in shown.splitlines()]


@then("none of them starts an SSH server")
def no_ssh_sockets(sockets: list[str]) -> None:
    """There are sockets, and no SSH behind any."""
    doors = [line for line in sockets if "ssh" in line]
    assert sockets, "systemd on mail holds no socket at all, which cannot be"
    assert not doors, f"sockets of systemd on mail that start an SSH server: {doors}"


@when(parsers.parse('the SSH settings in force for "{user}" are asked for'), target_fixture="settings")
def settings_for(mail: Host, target: Target, user: str) -> Mapping[str, tuple[str, ...]]:
    """As sshd would apply them to a connection from the hub."""
    who = f"user={user},host=hub,addr={target.text('hub_vpn_address')}"
    where = f"laddr={target.text('vpn_address')},lport={target.number('ssh_port')}"
    return sshd.parse(mail.check_output("sshd -T -C %s", f"{who},{where}"))


@then("logging in is refused to root in any way")
def root_is_refused(settings: Mapping[str, tuple[str, ...]]) -> None:
    """Not even with a key, and not for one forced command."""
    found = settings.get("permitrootlogin")
    assert found == ("no",), f"on mail, sshd -T for root shows permitrootlogin {found}"


@then("every way to authenticate but a key is off")
def only_keys(settings: Mapping[str, tuple[str, ...]]) -> None:
    """sshd must report that each is off; a missing line does not count."""
    on = {name: settings[name] for name in OTHER_WAYS if settings.get(name, ("no",)) != ("no",)}
    assert not on, f"on mail, sshd -T lets in without a key: {on}"
    assert settings.get("pubkeyauthentication") == ("yes",), "on mail, sshd -T has keys switched off"


@given("root trusts the administrator's key")
def root_trusts(mail: Host, target: Target) -> None:
    """The same list of keys as the administrator's, with modes that sshd would accept."""
    keys = f"{mail.user(target.text('admin_user')).home}/.ssh/authorized_keys"
    mail.run_expect([0], "install -d -m 0700 /root/.ssh")
    mail.run_expect([0], "install -m 0600 %s /root/.ssh/authorized_keys", keys)


@then(parsers.re("every algorithm that the (?P<observer>server offers|auditor saw) is in our policy"))
def offer_in_policy(request: pytest.FixtureRequest, observer: str) -> None:
    """All four kinds: as the client received them, and as the auditor found them."""
    if observer == "server offers":
        login: ssh_login.Login = request.getfixturevalue("login")
        software, offer = login.software, login.offer
    else:
        audit: ssh_audit.Report = request.getfixturevalue("audit")
        software, offer = audit.software, {kind: audit.algorithms(kind) for kind in ssh_audit.KINDS}
    weak = outside_policy(offer)
    assert not weak, f"the {observer}: {software} on mail has algorithms that our policy does not name: {weak}"


@when("the hub audits the SSH server over the VPN", target_fixture="audit")
def hub_audits(lab: RecordedLab, hub: Host, target: Target) -> ssh_audit.Report:
    """The auditor connects often without logging in, so fail2ban ignores it for this time."""
    lab.exec("mail", ["fail2ban-client", "set", "sshd", "addignoreip", target.text("hub_vpn_address")])
    result = hub.run(
        "ssh-audit --json --skip-rate-test --port %s %s",
        target.text("ssh_port"),
        target.text("vpn_address"),
        timeout=180,
    )
    return ssh_audit.parse(result.stdout)


@then("no algorithm is marked down")
def nothing_marked_down(audit: ssh_audit.Report) -> None:
    """Neither a failure nor a warning, and the auditor knows every algorithm."""
    found = [str(offer) for offer in audit.complaints()]
    assert not found, f"ssh-audit on hub marks down what {audit.software} on mail offers: {found}"


@then("the key exchange in use is a post-quantum one")
def post_quantum(login: ssh_login.Login) -> None:
    """Both hybrids that OpenSSH has carry their lattice in their name."""
    hybrid = re.match(r"(mlkem768|sntrup761)x25519-", login.kex)
    assert hybrid, f"the administrator's login on mail agreed on the key exchange {login.kex or '(none)'}"


@when("the packet filter in the kernel is read", target_fixture="chains")
def read_packet_filter(mail: Host) -> tuple[nft.Chain, ...]:
    """Base chains only: they hold the policies."""
    return nft.chains(mail.check_output("nft --json list chains"))


@then(parsers.parse('it denies incoming "{family}" by default'))
def denies(chains: tuple[nft.Chain, ...], family: str) -> None:
    """The chain's own policy, not a rule that might be passed by."""
    found = "\n".join(map(str, chains)) or "no base chain at all"
    assert nft.denies_by_default(chains, FILTER_FAMILY[family]), (
        f"on mail, the kernel accepts {family} packets that no rule admits:\n{found}"
    )


@given("a service listens on every address of the host by mistake", target_fixture="left_open")
def service_left_open(mail: Host, request: pytest.FixtureRequest) -> int:
    """It answers the host itself, or this step fails; it is gone when the scenario ends."""
    port: int = mail.call(stray.open_port)
    request.addfinalizer(lambda: mail.call(stray.close, port))
    return port


@then("the firewall is enabled in its own settings")
def firewall_enabled(mail: Host) -> None:
    """ufw's start-up does nothing at all without this word."""
    settings = mail.file("/etc/ufw/ufw.conf").content_string
    assert re.search(r"^ENABLED=yes$", settings, re.MULTILINE), f"/etc/ufw/ufw.conf on mail says:\n{settings}"


@dataclass(frozen=True)
class Rehearsal:
    """What would be installed unattended, and what is pending, by its archive."""

    plan: upgrades.Plan
    pending: Mapping[str, tuple[str, ...]]


@when("the automatic upgrade is rehearsed", target_fixture="rehearsal")
def rehearse(rehearsed: Rehearsal) -> Rehearsal:
    """One dry run serves every scenario."""
    return rehearsed


@pytest.fixture(scope="module")
def rehearsed(mail: Host, upgrade_rehearsal: RunningCommand[CommandResult]) -> Rehearsal:
    """The dry run, and apt's own list of what is pending."""
    result = upgrade_rehearsal.result()
    pending = apt.pending(overlay.of(mail).check_output("apt-get --simulate --quiet dist-upgrade"))
    return Rehearsal(
        upgrades.parse(result.stdout + result.stderr),
        {
            "security": tuple(update.package for update in pending if update.is_security),
            "ordinary": tuple(update.package for update in pending if not update.is_security),
        },
    )


@then("it takes packages from Debian's security archive alone")
def security_origins(rehearsal: Rehearsal) -> None:
    """Every origin that it names itself."""
    others = [origin for origin in rehearsal.plan.origins if "Security" not in origin]
    assert rehearsal.plan.origins, "unattended-upgrades on mail allows no origin at all"
    assert not others, f"unattended-upgrades on mail also takes packages from {others}"


@then("it selects every pending security update")
def selects_security(rehearsal: Rehearsal, mail: Host, target: Target, evidence: Recorder) -> None:
    """The lab has a pending one until its daily job has installed it; if another host has none, a note says so."""
    pending = rehearsal.pending["security"]
    left_out = sorted({*pending} - {*rehearsal.plan.selected})
    if not pending:
        evidence.note("no security update is pending on this host: only the allowed origins were proved")
    if target.resettable and CANARIES["security"] not in pending:
        known = mail.check_output("apt-cache policy %s", CANARIES["security"])
        found = dict(re.findall(r"^  (Installed|Candidate): (.*)$", known, re.MULTILINE))
        assert found.get("Installed", NONE) == found.get("Candidate") != NONE, (
            f"the lab's own security update is neither pending nor installed: {known}; pending: {rehearsal.pending}"
        )
    assert not left_out, f"unattended-upgrades on mail leaves out security updates: {left_out}"


@then("it selects no other pending update")
def selects_nothing_else(rehearsal: Rehearsal, target: Target) -> None:
    """The lab always has an ordinary update pending, so that there is something to leave alone."""
    pending = rehearsal.pending["ordinary"]
    taken = sorted({*pending} & {*rehearsal.plan.selected})
    assert not target.resettable or CANARIES["ordinary"] in pending, (
        f"the lab's own pending ordinary update is missing; pending: {rehearsal.pending}"
    )
    assert not taken, f"unattended-upgrades on mail would install ordinary updates: {taken}"


@then(parsers.parse('the next turn of "{timer}" is known'))
def next_turn(mail: Host, timer: str) -> None:
    """A timer without a next turn never runs."""
    turn = mail.check_output("systemctl show --property=NextElapseUSecRealtime --value %s", timer)
    assert turn.strip(), f"systemd on mail knows no next run of {timer}"


@then(parsers.parse('nothing keeps the service of "{timer}" from being started'))
def service_can_start(mail: Host, timer: str) -> None:
    """A masked service is not started by its timer, whose turns go on."""
    service = timer.replace(".timer", ".service")
    shown = mail.check_output("systemctl show --property=LoadState --value %s", service).strip()
    assert shown == "loaded", f"systemd on mail has {service} as {shown}: its timer starts nothing"


@when("the settings of the daily jobs are asked for", target_fixture="periodic")
def daily_settings(mail: Host) -> Mapping[str, str]:
    """As apt puts them together from all of its files."""
    return apt.settings(mail.check_output("apt-config dump APT::Periodic"))


@then("looking for updates and installing them are both on every day")
def both_daily(periodic: Mapping[str, str]) -> None:
    """1 is the number of days between two runs; 0 would switch everything off."""
    off = {name: periodic.get(name, "not set") for name in DAILY if periodic.get(name) not in ("1", "always")}
    assert not off, f"apt on mail does not do daily: {off}"
    assert periodic.get("APT::Periodic::Enable", "1") != "0", "APT::Periodic::Enable is 0 on mail"


@then("the warning was shown before authentication")
def warned_before(login: ssh_login.Login) -> None:
    """It warns unauthorised people, and reveals nothing about the system."""
    words = login.before_authentication
    assert re.search(r"authori[sz]ed", words, re.IGNORECASE), (
        f"before authentication, mail showed to the administrator: {words!r}"
    )
    assert not re.search(r"debian|linux|\\[a-z]", words, re.IGNORECASE), (
        f"before authentication, mail reveals its system to strangers: {words!r}"
    )
