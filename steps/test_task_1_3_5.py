"""1.3.5: an address that fails to log in too often is banned in the kernel, for a while, and no other."""

import ast
import re
import time
from datetime import datetime, timedelta

import pytest
from pytest_bdd import given, parsers, scenarios, step, then, when
from testinfra.backend.base import CommandResult
from testinfra.host import Host

from lab.waiting import wait_until
from proof.clients import tcp_probe
from proof.evidence.recorder import Recorder
from proof.hosts.target import Target
from proof.parsers import fail2ban, nft
from proof.probes import fail2ban as jail

scenarios("../features/task_1.3.5.feature")

JAIL = "sshd"
POLICY = ("maxretry", "findtime", "bantime")
IGNORED = "ignoreip"
LOOPBACK = ("127.", "::1")
TABLE = "f2b-table"
STRANGER = "guest"  # an account that the host does not have
WRONG_KEY = "/run/wrong-key"
SHORT_BAN = 10
NOTICED = 30.0  # seconds within which fail2ban must have read what sshd wrote


def failures(mail: Host) -> int:
    """How many failures the jail has counted."""
    return int(mail.call(jail.state, JAIL)["failures"])


def banned(mail: Host) -> list[str]:
    """Whom the jail bans now."""
    return list(mail.call(jail.state, JAIL)["banned"])


def status(mail: Host) -> fail2ban.Jail:
    """The jail as the operator's command shows it."""
    return fail2ban.parse(mail.check_output("fail2ban-client status %s", JAIL))


def members(mail: Host) -> tuple[str, ...]:
    """Addresses in the kernel's set of banned ones; none if the table does not exist yet."""
    listed = mail.run("nft --json list table inet %s", TABLE)
    return nft.members(listed.stdout) if listed.rc == 0 else ()


def fail_to_log_in(intruder: Host, target: Target, account: str) -> CommandResult:
    """One login over the VPN with a key that no one trusts, to the end that the server puts to it."""
    result = intruder.run(
        "ssh -F none -i %s -p %s -l %s -o BatchMode=yes -o IdentitiesOnly=yes -o ConnectTimeout=15"
        " -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR %s true",
        WRONG_KEY,
        target.text("ssh_port"),
        account,
        target.text("vpn_address"),
    )
    assert "Permission denied" in result.stderr, f"the server did not refuse the intruder's login: {result}"
    return result


def account_for(credential: str, target: Target) -> str:
    """The account that a kind of failed login uses."""
    return target.text("admin_user") if "real account" in credential else STRANGER


@pytest.fixture
def wrong_key(intruder: Host) -> str:
    """A good key that the host does not know."""
    intruder.run_expect([0], "rm -f %s %s.pub", WRONG_KEY, WRONG_KEY)
    intruder.run_expect([0], "ssh-keygen -q -t ed25519 -N '' -f %s", WRONG_KEY)
    return WRONG_KEY


@pytest.fixture
def intruder_address(target: Target) -> str:
    """Where the intruder's packets come from."""
    return target.text("lab_intruder_address")


@when("fail2ban is asked for the policy in force", target_fixture="policy")
def ask_policy(mail: Host) -> dict[str, str]:
    """The server's own numbers, whichever file they come from."""
    names = (*POLICY, IGNORED)
    answers: list[str] = mail.call(jail.ask, [["get", JAIL, name] for name in names])
    return dict(zip(names, answers, strict=True))


@when("fail2ban reads its settings from the disk", target_fixture="policy")
def read_policy(mail: Host) -> dict[str, str]:
    """As its own client puts them together from all files, without telling the server; it may say 10m for 600."""
    found = fail2ban.settings(mail.check_output("fail2ban-client -d | grep -F %s", f"['set', '{JAIL}', "), JAIL)
    worded = {name: text for name, text in found.items() if name in POLICY and not text.isdigit()}
    return found | {name: mail.check_output("fail2ban-client --str2sec %s", text) for name, text in worded.items()}


@then("it bans for 1 hour after 3 failures within 10 minutes")
def policy_is_agreed(policy: dict[str, str], target: Target) -> None:
    """The numbers of the inventory are those of this sentence."""
    agreed = {"maxretry": "3", "findtime": "600", "bantime": "3600"}
    named = ("ban_attempts", "ban_window_seconds", "ban_seconds")
    assert [target.text(name) for name in named] == [*agreed.values()], "the inventory says otherwise"
    seen = {name: policy.get(name) for name in agreed}
    assert seen == agreed, f"fail2ban on mail has {seen}, agreed is {agreed}"


@then("it ignores no address but the host's own")
def ignores_no_one(policy: dict[str, str], target: Target) -> None:
    """Whoever is ignored can guess for ever; SSH is reached from the VPN alone, so ignoring that ignores everyone."""
    own = [target.text(name) for name in ("vpn_address", "public_address", "public_address6")]
    ignored = [str(one) for one in ast.literal_eval(policy.get(IGNORED, "[]"))]
    others = [one for one in ignored if one not in own and not one.startswith(LOOPBACK)]
    assert not others, f"fail2ban on mail never bans {others}"


TIMES = {"once": 1, "twice": 2}


@step(parsers.re("the intruder fails to log in (?P<times>once|twice) with (?P<credential>.+)"))
def intruder_fails(intruder: Host, target: Target, wrong_key: str, times: str, credential: str) -> None:
    assert wrong_key
    for _ in range(TIMES[times]):
        fail_to_log_in(intruder, target, account_for(credential, target))


@given("fail2ban has counted both without a ban")
def counted_without_ban(mail: Host, intruder: Host, target: Target) -> None:
    """Counted first: silence of a guard that sleeps would look the same."""
    wait_until(lambda: failures(mail) >= target.number("ban_attempts") - 1, "both failures to be counted", NOTICED)
    found = status(mail)
    assert not found.banned, f"fail2ban on mail banned after two failures: {found}"
    heard = tcp_probe.try_port(intruder, target.text("vpn_address"), target.number("ssh_port_fresh"))
    assert heard.outcome != "refused", f"the intruder is refused after two failures:\n{heard.said}"


@given("the intruder is banned")
def is_banned(mail: Host, intruder: Host, target: Target, wrong_key: str, intruder_address: str) -> None:
    """By three failures, not by the operator's command."""
    assert wrong_key
    for _ in range(target.number("ban_attempts")):
        fail_to_log_in(intruder, target, target.text("admin_user"))
    wait_until(lambda: intruder_address in banned(mail), f"fail2ban to ban {intruder_address}", NOTICED)
    wait_until(lambda: intruder_address in members(mail), f"the kernel to shut out {intruder_address}", NOTICED)


@then("fail2ban names the intruder as banned")
def names_banned(mail: Host, intruder_address: str) -> None:
    """And no one else, in the operator's own command."""
    wait_until(lambda: banned(mail), f"fail2ban to ban {intruder_address}", NOTICED)
    found = status(mail).banned
    assert found == (intruder_address,), f"fail2ban on mail bans {found}, the intruder is {intruder_address}"


@then("the kernel's set of banned addresses holds the intruder and no one else")
def set_holds_intruder(mail: Host, intruder_address: str) -> None:
    """fail2ban's word is one thing, the packet filter another."""
    found = wait_until(lambda: members(mail), "an address in the kernel's set", 10.0)
    assert found == (intruder_address,), f"the kernel of mail shuts out {found}, not {intruder_address} alone"


@then("the kernel's set of banned addresses is empty")
def set_is_empty(mail: Host) -> None:
    """No one is shut out any more."""
    wait_until(lambda: not members(mail), "the kernel's set of banned addresses to be empty", 10.0)


def seen_by_ssh(mail: Host, address: str) -> int:
    """How many connections from an address sshd has ever written about, accepted or dropped."""
    lines = mail.check_output("journalctl --quiet --output=cat --unit=ssh.service")
    return len(re.findall(rf"^(?:Connection from|drop connection .*) \[?{re.escape(address)}\b", lines, re.MULTILINE))


@then("the intruder's next connection is refused before SSH sees it")
def refused_before_ssh(mail: Host, intruder: Host, target: Target, intruder_address: str) -> None:
    """OpenSSH's own penalties take a connection first and then drop it; a ban never lets it come that far."""
    before = seen_by_ssh(mail, intruder_address)
    heard = tcp_probe.try_port(intruder, target.text("vpn_address"), target.number("ssh_port"))
    after = seen_by_ssh(mail, intruder_address)
    assert heard.outcome != "open", f"the banned intruder reached SSH:\n{heard.said}"
    assert before > 0, "sshd on mail never wrote about the intruder, so nothing could be seen here"
    assert after == before, f"sshd on mail saw {after - before} connections of the banned intruder"


@then("the intruder's next connection reaches SSH")
def reaches_ssh(intruder: Host, target: Target) -> None:
    """SSH's own greeting; what it makes of the intruder is another matter."""
    heard = tcp_probe.greeting(intruder, target.text("vpn_address"), target.number("ssh_port"))
    assert heard.startswith("SSH-2.0-"), f"SSH on mail did not greet the intruder, who heard {heard!r}"


@when("the operator lifts the ban")
def lift_ban(mail: Host, intruder_address: str) -> None:
    """With the command that the manual names."""
    mail.run_expect([0], "fail2ban-client set %s unbanip %s", JAIL, intruder_address)


def end_of_ban(mail: Host, address: str) -> datetime:
    """The end of a ban as fail2ban reports it, in the host's time."""
    listed = mail.check_output("fail2ban-client get %s banip --with-time", JAIL)
    found = re.search(rf"^{re.escape(address)}\s.*= (.*)$", listed, re.MULTILINE)
    assert found, f"fail2ban on mail does not tell when the ban of {address} ends:\n{listed}"
    return datetime.fromisoformat(found[1])


@given("the journal no longer holds the failures")
def journal_forgets(mail: Host, intruder_address: str) -> None:
    """A ban is remembered by fail2ban itself: without this, a restart could find the failures and ban again."""
    mail.run_expect([0], "journalctl --quiet --rotate --vacuum-size=1")
    left = mail.run("journalctl --quiet --output=cat --grep=%s", re.escape(f"from {intruder_address} "))
    assert not left.stdout, f"mail's journal still knows of the intruder:\n{left.stdout}"


@when("fail2ban is restarted", target_fixture="end_before")
def restart_guard(mail: Host, intruder_address: str) -> datetime:
    """As an upgrade would do it; returns when the ban was to end before."""
    before = end_of_ban(mail, intruder_address)
    mail.run_expect([0], "systemctl restart fail2ban", timeout=120)
    wait_until(
        lambda: mail.call(jail.state, JAIL), "fail2ban to answer after its restart", 60.0, tolerate=(AssertionError,)
    )
    return before


@then("the ban ends when it would have ended")
def ends_as_before(mail: Host, intruder_address: str, end_before: datetime) -> None:
    """To the second, but for how fail2ban rounds."""
    now = end_of_ban(mail, intruder_address)
    assert abs(now - end_before) <= timedelta(seconds=1), (
        f"the ban was to end at {end_before}, after the restart at {now}"
    )


@given(f"bans last {SHORT_BAN} seconds only")
def short_bans(mail: Host) -> None:
    mail.run_expect([0], "fail2ban-client set %s bantime %s", JAIL, str(SHORT_BAN))


@when("the time of the ban is over")
def ban_is_over(mail: Host, evidence: Recorder) -> None:
    started = time.monotonic()
    wait_until(lambda: not banned(mail), "fail2ban to lift the ban", SHORT_BAN + NOTICED)
    evidence.note(f"fail2ban lifted the ban {time.monotonic() - started:.0f} s later")


@when("fail2ban is asked what the jail reads", target_fixture="matches")
def ask_matches(mail: Host) -> list[list[str]]:
    """Alternatives; each is a list of fields that must all be so."""
    answers: list[str] = mail.call(jail.ask, [["get", JAIL, "journalmatch"]])
    found: list[list[str]] = ast.literal_eval(answers[0])
    return found


@then("it reads the journal")
def reads_journal(matches: list[list[str]]) -> None:
    """A file of logs does not exist on this host."""
    assert matches, "the jail on mail reads no journal"


@then("the administrator's own logins are among what it reads")
def reads_logins(mail: Host, matches: list[list[str]]) -> None:
    """OpenSSH changed the name that it writes under more than once."""
    words = " + ".join(" ".join(["%s"] * len(match)) for match in matches)
    fields = [field for match in matches for field in match]
    found = mail.run(f"journalctl --quiet --output=cat --lines=1 --grep='^Accepted publickey' {words}", *fields)
    assert found.stdout.strip(), f"mail's journal has no login that the jail reads: {' or '.join(map(str, matches))}"
