"""Logins over SSH, on the administrator's own path."""

import shlex
import time

from pytest_bdd import parsers, then, when

from lab.waiting import wait_until
from proof.clients.openssh import Admin, Login
from proof.evidence.recorder import Recorder
from proof.hosts.target import Target
from proof.parsers import ssh_login

BACK_AGAIN = 90.0  # seconds within which SSH must be back without help


def described(login: Login) -> str:
    """The command, its exit status and its messages."""
    return f"$ {login.command}\nexit status {login.exit_status}\n{login.stderr}"


@when("the administrator logs in", target_fixture="login")
def administrator_logs_in(verbose_login: ssh_login.Login) -> ssh_login.Login:
    """One login serves every scenario that only listens; it shows everything that the server would accept."""
    return verbose_login


@then("the login succeeds")
def login_succeeds(login: ssh_login.Login) -> None:
    """On the inventory's port and with the administrator's key: there is no other way to log in."""
    assert login.authenticated, f"the administrator cannot log in; the client saw: {login}"


@then("the server offers a key as the only way to log in")
def only_keys_offered(login: ssh_login.Login) -> None:
    """The server's own list: what it does not offer, no client can try."""
    assert login.methods == ("publickey",), f"mail offers these ways to authenticate: {', '.join(login.methods)}"


@when(parsers.parse('"{user}" tries to log in with the administrator\'s key'), target_fixture="attempt")
def tries_with_key(admin: Admin, user: str) -> Login:
    """On the administrator's path, with another name."""
    return admin.login(user=user)


@then("the login is refused")
def login_is_refused(attempt: Login) -> None:
    """By the server: a connection that failed would prove nothing."""
    assert attempt.denied, described(attempt)


@then(parsers.re("the administrator can log in(?P<public> on the public address)?"))
def can_log_in(admin: Admin, target: Target, public: str | None) -> None:
    """At the first try, with a new connection; over the VPN unless the sentence names the public address."""
    login = admin.login(address=target.text("public_address")) if public else admin.login()
    assert login.accepted, described(login)


@then("the administrator can log in again without further help")
def can_log_in_again(admin: Admin, evidence: Recorder) -> None:
    """Within the time that a person would wait before giving up."""
    started = time.monotonic()
    wait_until(lambda: admin.login(timeout=10).accepted, "a login to succeed again", BACK_AGAIN)
    evidence.note(f"SSH was back {time.monotonic() - started:.0f} s later")


@then(parsers.parse("{name} can log in and use sudo"))
def can_log_in_and_use_sudo(admin: Admin, name: str) -> None:
    """A new login on the administrator's own path."""
    login = admin.login(user=name, command=("sudo", "-n", "id", "-un"))
    assert (login.exit_status, login.stdout) == (0, "root\n"), f"$ {login.command}\n{login}"


def through_the_host_itself(target: Target) -> tuple[str, ...]:
    """Options of ssh that reach the server from its own host, over a session of the administrator.

    A refusal then counts against the host's own address, which nothing ever bans.
    """
    address, port = target.text("vpn_address"), target.number("ssh_port")
    relay = f"exec 3<>/dev/tcp/{address}/{port} || exit; cat <&3 & cat >&3; kill $!"
    inner = [
        *("ssh", *target.ssh_options, "-o", "BatchMode=yes", "-o", "LogLevel=ERROR", "-p", str(port)),
        *("-l", target.text("admin_user"), address, "--", shlex.join(["bash", "-c", relay])),
    ]
    return ("-o", "ProxyUseFdpass=no", "-o", f"ProxyCommand={shlex.join(inner)}")
