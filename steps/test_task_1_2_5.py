"""1.2.5: the administrator works over SSH: a login, a command, a command as root."""

from pytest_bdd import scenarios, then, when
from testinfra.host import Host

from proof.clients.openssh import Admin, Login
from proof.hosts.target import Target

scenarios("../features/task_1.2.5.feature")

QUIET = ("-o", "LogLevel=ERROR")
LOGIN_SHELL = b"""\
shopt -q login_shell && echo a login shell
id -un
cat /etc/machine-id
"""
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
