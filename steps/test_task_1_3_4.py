"""1.3.4: only the VPN reaches SSH, and no failure locks the operator out for good."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from pytest_bdd import given, parsers, scenarios, then, when
from testinfra.host import Host

from lab.provisioning import Play
from lab.waiting import wait_until
from proof.clients import tcp_probe
from proof.clients.openssh import Admin
from proof.clients.port_scan import FAMILIES, OutsiderScan, bound
from proof.evidence.recorder import Recorder
from proof.hosts.recorded_lab import RecordedLab
from proof.hosts.target import Target
from proof.parsers import iptables, nmap, ss
from proof.probes import firewall_trial
from proof.probes import listener as stray
from proof.probes.firewall_trial import FirewallTrial
from steps.shared.logins import BACK_AGAIN

scenarios("../features/task_1.3.4.feature")

HUB_ADDRESSES = {"IPv4": ("hub_address",), "IPv6": ("hub_address6", "lab_hub_address6")}
STRANGERS = {"IPv4": "203.0.113.9", "IPv6": "2001:db8:ffff::9"}  # of no one: addresses for documentation
CONTROL_PORTS = 50  # neighbours of the known open port that are scanned with it
RESTRICTION = "/etc/ssh/sshd_config.d/30-vpn-only.conf"
ROLLBACK = "/usr/local/sbin/ssh-vpn-only-rollback"
SWITCH = "proof"
SWITCH_SECONDS = 20
BENIGN = ("/etc/ssh/sshd_config.d/90-proof.conf", "LoginGraceTime 77\n")


def console(lab: RecordedLab, *argv: str, timeout: float = 60.0) -> str:
    """Run a command at the host's console, as someone who cannot get in any other way; returns its output."""
    done = lab.exec("mail", argv, timeout=timeout)
    assert done.exit_status == 0, f"$ {' '.join(argv)} at mail's console: {done.stdout!r} {done.stderr!r}"
    return done.stdout.decode(errors="replace")


def ssh_listeners(lab: RecordedLab) -> tuple[ss.Listener, ...]:
    """Listeners of the SSH server, seen from the console."""
    return ss.of_ssh(ss.parse(console(lab, "ss", "-H", "-l", "-t", "-n", "-p")))


@then("the SSH server has exactly one listener, on the VPN address")
def exactly_one(mail: Host, target: Target) -> None:
    listeners = ss.of_ssh(ss.parse(mail.check_output("ss -H -l -t -n -p")))
    found = ", ".join(map(str, listeners)) or "nowhere"
    assert ss.is_only(listeners, target.text("vpn_address"), target.number("ssh_port")), (
        f"on mail, SSH listens on: {found}"
    )


@given(parsers.parse('the outsider\'s scanner finds a port that is known to be open over "{family}"'))
def scanner_can_see(hub: Host, outsider: Host, target: Target, family: str, request: pytest.FixtureRequest) -> None:
    """A port of the hub, on the same segment, with the same options: without it, silence would prove nothing."""
    known = next((name for name in HUB_ADDRESSES[family] if name in target.variables), None)
    if known is None:
        pytest.skip(f"nothing to try the scanner at: the inventory of {target.name} has no {HUB_ADDRESSES[family][0]}")
    address = target.text(known)
    port: int = hub.call(stray.open_port)
    request.addfinalizer(lambda: hub.call(stray.close, port))
    first, last = max(1, port - CONTROL_PORTS), min(nmap.EVERY_PORT, port + CONTROL_PORTS)
    scan = OutsiderScan(outsider, {family: address}, f"{first}-{last}", bound(target)).result(family)
    found = [answer.port for answer in scan.answers if answer.state == "open"]
    if port not in found and not target.resettable:
        pytest.skip(f"nothing to try the scanner at: the firewall of {target.name}'s hub hides a port opened for it")
    assert port in found, f"hub listens on {port}, but the outsider's scan did not find it: {scan}"


@when(
    parsers.parse('the outsider has scanned every TCP port of the public address over "{family}"'),
    target_fixture="scan",
)
def has_scanned(outsider_scan: OutsiderScan, family: str, evidence: Recorder) -> nmap.Scan:
    """The scan has been running since the beginning of the run."""
    scan = outsider_scan.result(family)
    evidence.note(f"from the outsider's place: {scan}")
    return scan


@then("all of them stayed silent")
def all_silent(scan: nmap.Scan) -> None:
    """Even a refusal would reveal that the host exists."""
    assert scan.silent == nmap.EVERY_PORT, f"the outsider heard answers from mail: {scan}"


@then(parsers.parse('it was the host\'s own firewall that dropped its packets over "{family}"'))
def host_dropped(mail: Host, target: Target, family: str, dropped_before: dict[str, int], evidence: Recorder) -> None:
    """Behind a firewall of the provider's own, an outsider's silence says nothing about the host's."""
    moved = iptables.dropped(mail.check_output(iptables.COUNTERS[family])) - dropped_before[family]
    evidence.note(f"mail's firewall dropped {moved} packets of {family} during the scan of {nmap.EVERY_PORT} ports")
    if moved < nmap.EVERY_PORT and not target.resettable:
        pytest.skip(
            f"the outsider's packets do not reach the host: of {nmap.EVERY_PORT} its firewall dropped at most {moved}, "
            "so another one is before it; the rules in force are tried in a network namespace instead"
        )
    assert moved >= nmap.EVERY_PORT, (
        f"mail's firewall dropped {moved} packets, and {nmap.EVERY_PORT} ports were scanned"
    )


@when(
    parsers.parse("the kernel's rules meet an outsider's packets in a network namespace over \"{family}\""),
    target_fixture="trial",
)
def try_rules(mail: Host, target: Target, family: str, evidence: Recorder) -> FirewallTrial:
    """Namespaces of their own, gone with the trial: the host's network has no part in it."""
    address = target.text("public_address" if family == "IPv4" else "public_address6")
    interface: str = mail.call(firewall_trial.interface_to_internet)
    found: FirewallTrial = mail.call(firewall_trial.try_rules, interface, address, STRANGERS[family], timeout=120)
    evidence.note(
        f"tried on {interface} as {address}: {len(found['without'])} ports answered without the rules, "
        f"with them {found['with_rules'] or 'none'}"
    )
    return found


@then("without the rules every port that was tried answered")
def trial_can_see(trial: FirewallTrial) -> None:
    """So silence with them says something."""
    first, last = firewall_trial.CONTROL
    assert trial["without"] == list(range(first, last + 1)), (
        f"in an empty network namespace of mail, {len(trial['without'])} of {last - first + 1} ports answered"
    )


@then("with them none of the 65,535 does")
def none_answers(trial: FirewallTrial) -> None:
    assert not trial["with_rules"], (
        f"the rules of mail's kernel let an outsider's packets through to {trial['with_rules']}"
    )


@given("a service listens on every address and the firewall admits it", target_fixture="opened")
def opened_service(mail: Host) -> int:
    """What a careless `ufw allow` beside a new service does."""
    port: int = mail.call(stray.open_port)
    mail.run_expect([0], "ufw allow %s/tcp", str(port))
    return port


@when(
    "the outsider scans every TCP port of the public address again, over IPv4 and IPv6",
    target_fixture="scans",
)
def scan_again(outsider: Host, target: Target) -> dict[str, nmap.Scan]:
    addresses = {"IPv4": target.text("public_address"), "IPv6": target.text("public_address6")}
    running = OutsiderScan(outsider, addresses)
    return {family: running.result(family) for family in FAMILIES}


@then("the scan names the opened port and no other, over IPv4 and IPv6")
def names_the_port(scans: dict[str, nmap.Scan], opened: int) -> None:
    """So the silence of the other scan is one that would have been broken."""
    for family, scan in scans.items():
        found = [(answer.port, answer.state) for answer in scan.answers]
        assert found == [(opened, "open")], f"over {family} the scan should name {opened} alone: {scan}"


@when("the firewall's rules for the SSH port are read", target_fixture="rules")
def read_rules(mail: Host, target: Target) -> tuple[iptables.Rule, ...]:
    """From the kernel, for both families."""
    port = target.number("ssh_port")
    text = mail.check_output("iptables -S") + mail.check_output("ip6tables -S")
    return iptables.admitting(text, port)


@then("there is at least one rule, and each admits only the VPN network")
def rules_admit_vpn(rules: tuple[iptables.Rule, ...], target: Target) -> None:
    """The source of each rule is in the VPN network."""
    network = target.text("vpn_network")
    wide = [rule.text for rule in rules if rule.admits_from_elsewhere(network)]
    assert rules, "the kernel of mail has no rule that admits SSH at all"
    assert not wide, f"rules of mail's kernel admit SSH from outside {network}: {wide}"


@given("a typo in the tunnel's settings keeps it down at the next boot", target_fixture="settings")
def broken_tunnel(lab: RecordedLab, target: Target) -> str:
    """The private key loses its first character; a copy keeps the old settings."""
    path = f"/etc/wireguard/{target.text('vpn_interface')}.conf"
    console(lab, "cp", "-p", path, f"{path}.good")
    console(lab, "sed", "-i", r"s/^\(PrivateKey *= *\)./\1/", path)
    lab.reboot("mail")
    return path


@given("the host has come up again without its tunnel and without SSH on any other address")
def up_without_tunnel(lab: RecordedLab, admin: Admin, target: Target) -> None:
    """Closed rather than open: no tunnel, no SSH."""
    unit = f"wg-quick@{target.text('vpn_interface')}"
    wait_until(
        lambda: lab.exec("mail", ["systemctl", "is-failed", unit]).exit_status == 0, f"{unit} to have failed", 60
    )
    tunnel = lab.exec("mail", ["ip", "link", "show", "dev", target.text("vpn_interface")])
    elsewhere = [str(found) for found in ssh_listeners(lab) if found.address != target.text("vpn_address")]
    assert tunnel.exit_status != 0, "the tunnel came up in spite of its broken key"
    assert not elsewhere, f"without its tunnel, mail opens SSH on {elsewhere}"
    assert not admin.login(timeout=10).accepted, "the administrator got in although the tunnel is down"


@when("the tunnel alone is repaired from the console")
def repair_tunnel(lab: RecordedLab, settings: str, target: Target) -> None:
    """What anyone would do: the right settings, and the tunnel's unit started; nothing about SSH."""
    console(lab, "mv", f"{settings}.good", settings)
    console(lab, "systemctl", "restart", f"wg-quick@{target.text('vpn_interface')}")


@when("the emergency rollback is run at the console")
def run_rollback(lab: RecordedLab, outsider: Host, target: Target) -> None:
    """Before it, the outsider hears nothing on the port that SSH will use."""
    before = tcp_probe.try_port(outsider, target.text("public_address"), target.number("ssh_port"))
    assert before.outcome == "silent", f"SSH was open to the outsider before the rollback:\n{before.said}"
    console(lab, "sh", "-c", f"{ROLLBACK} --yes")


@then("SSH is there for the VPN and for no one else again")
def vpn_only_again(lab: RecordedLab, admin: Admin, outsider: Host, mail: Host, target: Target) -> None:
    listeners = ssh_listeners(lab)
    heard = tcp_probe.try_port(outsider, target.text("public_address"), target.number("ssh_port"))
    login = admin.login()
    assert ss.is_only(listeners, target.text("vpn_address"), target.number("ssh_port")), (
        f"SSH listens on {', '.join(map(str, listeners))}"
    )
    assert heard.outcome == "silent", f"the outsider still hears SSH:\n{heard.said}"
    assert login.accepted, f"$ {login.command}\nexit status {login.exit_status}\n{login.stderr}"
    rules_admit_vpn(read_rules(mail, target), target)


@dataclass(frozen=True)
class Change:
    """A change under a switch, the file's content before it (None for no file), and when the switch acts."""

    path: str
    before: str | None
    acts_at: float


def guard(play: Callable[..., Play], lab: RecordedLab, path: str, content: str) -> tuple[Change, Play]:
    """Make a change through the provisioning's own module, and try to confirm it through its own role."""
    held = lab.exec("mail", ["cat", path])
    before = held.stdout.decode() if held.exit_status == 0 else None
    result = play(
        "../steps/playbooks/guarded_change.yml",
        extra={
            "proof_switch": SWITCH,
            "proof_seconds": SWITCH_SECONDS,
            "proof_path": path,
            "proof_content": content,
        },
    )
    return Change(path, before, time.monotonic() + SWITCH_SECONDS), result


@given(parsers.re("a dead-man switch guards a change(?P<harm> that shuts SSH)?"), target_fixture="change")
def guarded_change(lab: RecordedLab, play: Callable[..., Play], admin: Admin, harm: str | None) -> Change:
    """A harmless one is confirmed; one that shuts SSH (a wrong address, the usual typo) cannot be."""
    if not harm:
        change, result = guard(play, lab, *BENIGN)
        assert result.exit_status == 0, f"the guarded change failed:\n{result.stdout[-3000:]}"
        return change
    change, result = guard(play, lab, RESTRICTION, "ListenAddress 127.0.0.1\n")
    output = result.stdout[-3000:]
    assert result.exit_status != 0, f"the play confirmed a change that shuts SSH:\n{output}"
    assert "Confirm the change from a new login" in result.stdout, f"the play failed otherwise:\n{output}"
    assert not admin.login(timeout=10).accepted, "the change did not shut SSH, so nothing can be proved by it"
    return change


@when("the login that was to confirm the change has failed and its time is over")
def no_one_confirms(lab: RecordedLab, change: Change) -> None:
    """The switch has acted when its timer is gone."""
    wait_until(
        lambda: not armed_switches(lab),
        "the dead-man switch to act",
        max(1.0, change.acts_at - time.monotonic()) + BACK_AGAIN,
    )


def wrong_sshd(target: Target) -> dict[str, object]:
    """Variables of the role that have SSH listen elsewhere, count its doors, and fail."""
    door = f"{target.text('vpn_address')}:{target.text('ssh_port')}"
    fail = ["bash", "-c", f"echo doors: $(ss -H -l -t -n | grep -cF {door}) >&2; exit 1"]
    return {
        "sshd_content": "ListenAddress 127.0.0.1\n",
        "sshd_activate": [["systemctl", "restart", "ssh.service"], fail],
    }


def wrong_firewall(target: Target) -> dict[str, object]:
    """Variables of the role that remove the rule for SSH, count what is left, and fail."""
    port = target.text("ssh_port")
    rule = f"ufw show added | grep -w {port} | cut -d ' ' -f 2-"
    fail = ["bash", "-c", f"echo doors: $(iptables -S ufw-user-input | grep -cw {port}) >&2; exit 1"]
    return {
        "firewall_rules_vpn": [],
        "firewall_commands": [["bash", "-c", f"ufw --force delete $({rule})"], fail],
    }


WRONG = {"the SSH server": wrong_sshd, "the firewall": wrong_firewall}


@when(parsers.parse("task 1.3.4 changes {part}, shuts SSH and fails"))
def fails_halfway(play: Callable[..., Play], target: Target, part: str) -> None:
    """The way back that is taken then is the one that the switch takes."""
    result = play("task_1.3.4.yml", extra=WRONG[part](target))
    said = result.stdout[-3000:]
    assert result.exit_status != 0, f"the play did not fail:\n{said}"
    assert "doors: 0" in result.stdout, f"the change did not shut SSH, so nothing can be proved by it:\n{said}"


@when("the change is confirmed from a new connection")
def confirmed(lab: RecordedLab) -> None:
    """The play has done it already: no switch may be left that could act."""
    assert not armed_switches(lab), "the change was confirmed, but its switch is still armed"


@then("the change stays after the switch would have acted")
def change_stays(lab: RecordedLab, change: Change) -> None:
    """Looked at only when the time is over."""
    wait_until(lambda: time.monotonic() > change.acts_at, "the switch's time to be over", SWITCH_SECONDS + 10)
    assert console(lab, "cat", change.path) == BENIGN[1], f"{change.path} was changed back although confirmed"


@then("the file that was changed is as it was before")
def put_back(lab: RecordedLab, change: Change) -> None:
    now = console(lab, "cat", change.path)
    assert now == change.before, f"{change.path} on mail was not put back:\n{now}"


def armed_switches(lab: RecordedLab) -> list[str]:
    """Units of dead-man switches that systemd still knows, timers and what they start."""
    shown = console(lab, "systemctl", "list-units", "--all", "--plain", "--no-legend", "deadman-*")
    return shown.split("\n")[:-1]


@then("nothing of the switch is left over")
def nothing_left_over(lab: RecordedLab) -> None:
    """Neither a unit nor a copy of the previous state."""
    kept = lab.exec("mail", ["find", "/run/deadman", "-mindepth", "1"])
    assert not armed_switches(lab), f"units of dead-man switches are left on mail: {armed_switches(lab)}"
    assert not kept.stdout, f"a dead-man switch left files on mail: {kept.stdout.decode()}"


@then("no dead-man switch is waiting on the host")
def no_switch_waits(mail: Host) -> None:
    """One that is forgotten would undo the hardening some minutes later."""
    units = mail.check_output("systemctl list-units --all --plain --no-legend 'deadman-*'")
    assert not units.strip(), f"dead-man switches are armed on mail:\n{units}"
