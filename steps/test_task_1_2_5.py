"""1.2.5: the administrator works over SSH: a login, a command, a command as root."""

import os
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from pytest_bdd import given, parsers, scenarios, then, when
from testinfra.host import Host

from proof import process
from proof.clients.openssh import Admin, Login
from proof.deployment import sources
from proof.evidence.recorder import Recorder
from proof.hosts.connections import MAIL
from proof.hosts.target import Target
from proof.process import Finished
from steps.shared.logins import through_the_host_itself

scenarios("../features/task_1.2.5.feature")

QUIET = ("-o", "LogLevel=ERROR")
LOGIN_SHELL = b"""\
shopt -q login_shell && echo a login shell
id -un
cat /etc/machine-id
"""
CONFIRM_SECONDS = 120.0
NOT_CONFIRMED, ANOTHER_KEY = 4, 5
PRINTED, COMPLAINED, STATUS = "grüße\n", "complaint\n", 7


@when("the administrator opens a login shell", target_fixture="login")
def open_shell(admin: Admin) -> Login:
    """No command: the server starts the account's own shell, which reads what we type."""
    known = ("-v", "-o", "StrictHostKeyChecking=yes")
    return admin.login(options=known, command=(), stdin=LOGIN_SHELL)


@then("it is phalkonadmin's, on the mail host")
def whose_shell(login: Login, mail: Host, target: Target) -> None:
    machine = mail.file("/etc/machine-id").content_string
    wanted = f"a login shell\n{target.text('admin_user')}\n{machine}"
    assert login.accepted, f"$ {login.command}\n{login.stderr}"
    assert login.stdout.endswith(wanted), f"$ {login.command}\n{login.stdout}"


@then("the server proved that it is the host it claims to be")
def host_key_known(login: Login) -> None:
    """Its host key is the one we know."""
    assert "is known and matches the" in login.stderr, f"$ {login.command}\n{login.stderr}"


@when("the administrator runs a command that prints to both outputs and fails", target_fixture="login")
def run_command(admin: Admin) -> Login:
    """A script with something to say."""
    script = 'printf "%s" "$1"; printf "%s" "$2" >&2; exit "$3"'
    return admin.login(options=QUIET, command=("sh", "-c", script, "sh", PRINTED, COMPLAINED, str(STATUS)))


@then("exactly what it printed comes back, each on its own output")
def outputs_come_back(login: Login) -> None:
    """Not a byte more, on either."""
    assert (login.stdout, login.stderr) == (PRINTED, COMPLAINED), f"$ {login.command}\n{login}"


@then("so does its exit status")
def status_comes_back(login: Login) -> None:
    assert login.exit_status == STATUS, f"$ {login.command}\n{login}"


@when("the administrator runs a command through sudo", target_fixture="login")
def run_sudo(admin: Admin) -> Login:
    """Without a terminal, and no one there to answer."""
    return admin.login(options=QUIET, command=("sudo", "-n", "id", "-u"))


@then("the command ran as root")
def ran_as_root(login: Login) -> None:
    assert (login.exit_status, login.stdout) == (0, "0\n"), f"$ {login.command}\n{login}"


@then("sudo had nothing to say")
def sudo_is_quiet(login: Login) -> None:
    """A complaint on every command hides the one that matters."""
    assert login.stderr == "", f"$ {login.command}\n{login.stderr}"


@given("an operator to whom the host is new", target_fixture="known_hosts")
def knows_no_host(tmp_path: Path) -> Path:
    """Her known_hosts is not there yet."""
    return tmp_path / "known_hosts"


@given("an operator who knows the host by another key", target_fixture="known_hosts")
def knows_another_key(tmp_path: Path, target: Target) -> Path:
    """As after a server was made anew, or when someone is in between."""
    path = tmp_path / "known_hosts"
    other = Ed25519PrivateKey.generate().public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()
    path.write_text(f"{target.name} {other}\n", encoding="utf-8")
    return path


@pytest.fixture
def known_before(known_hosts: Path) -> str:
    """What she knew before."""
    return known_hosts.read_text(encoding="utf-8") if known_hosts.exists() else ""


@when(
    parsers.re("she types the end of (?P<which>another fingerprint|the fingerprint that the console shows)"),
    target_fixture="confirmed",
)
def types_fingerprint(
    mail: Host,
    target: Target,
    known_hosts: Path,
    known_before: str,
    which: str,
    evidence: Recorder,
    tmp_path: Path,
) -> Finished:
    """What the console shows is read over the run's own login, which knows the host."""
    del known_before
    # From the host itself: a connection that ends before the login counts against where it comes from.
    way = dict(option.split("=", 1) for option in through_the_host_itself(target) if "=" in option)
    lines = [f"Host {target.text('vpn_address')}", *(f"    {name} {value}" for name, value in way.items()), "Host *"]
    config = tmp_path / "ssh_config"
    config.write_text("\n".join([*lines, f"Include {target.ssh_config or '~/.ssh/config'}", ""]), encoding="utf-8")
    shown = mail.check_output("ssh-keygen -l -f /etc/ssh/ssh_host_ed25519_key.pub").split()[1]
    typed = shown[-8:] if which.endswith("console shows") else "ABCDEFGH"
    script = sources.provision() / "confirm_host_key.sh"
    host = () if target.inventory in ("", target.name) else (target.name,)
    done = process.run(
        [
            str(script),
            "--known-hosts",
            str(known_hosts),
            "--ssh-config",
            str(config),
            target.inventory or target.name,
            *host,
        ],
        timeout=CONFIRM_SECONDS,
        env={**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"},
        stdin=f"{typed}\n".encode(),
    )
    evidence.program("runner", f"{script.name} {target.name}", done)
    return done


@then("the host's key is noted under the target's name")
def key_is_noted(confirmed: Finished, known_hosts: Path, target: Target, mail: Host) -> None:
    assert confirmed.exit_status == 0, f"confirm_host_key.sh: {confirmed}"
    key = mail.check_output("cat /etc/ssh/ssh_host_ed25519_key.pub").split()[:2]
    noted = known_hosts.read_text(encoding="utf-8").splitlines()
    assert [line.split() for line in noted] == [[target.name, *key]], f"known_hosts has {noted}"


@then("with that alone she gets in")
def gets_in(admin: Admin, known_hosts: Path) -> None:
    """At the VPN address, whichever of the addresses she was shown the key at."""
    own = ("-o", f"UserKnownHostsFile={known_hosts}", "-o", "GlobalKnownHostsFile=none")
    login = admin.login(options=(*own, "-o", "StrictHostKeyChecking=yes"))
    assert login.accepted, f"$ {login.command}\n{login.stderr}"


@then("nothing is noted, and she is told so")
def nothing_noted(confirmed: Finished, known_hosts: Path) -> None:
    assert confirmed.exit_status == NOT_CONFIRMED, f"confirm_host_key.sh: {confirmed}"
    assert "Nothing was noted" in confirmed.stderr, f"confirm_host_key.sh: {confirmed}"
    assert not known_hosts.exists(), f"known_hosts has {known_hosts.read_text(encoding='utf-8')}"


@then("she is shown both fingerprints")
def both_shown(confirmed: Finished, known_hosts: Path, mail: Host) -> None:
    assert confirmed.exit_status == ANOTHER_KEY, f"confirm_host_key.sh: {confirmed}"
    before = process.run(["ssh-keygen", "-l", "-f", str(known_hosts)], timeout=CONFIRM_SECONDS).stdout.split()[1]
    now = mail.check_output("ssh-keygen -l -f /etc/ssh/ssh_host_ed25519_key.pub").split()[1]
    missing = [each for each in (before, now) if each not in confirmed.stderr]
    assert not missing, f"confirm_host_key.sh does not show {missing}: {confirmed.stderr}"


@then("she knows the host by the old key alone")
def knows_old_key(known_hosts: Path, known_before: str) -> None:
    found = known_hosts.read_text(encoding="utf-8")
    assert found == known_before, f"known_hosts of an operator who knew another key of {MAIL}: {found}"
