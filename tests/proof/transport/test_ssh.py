"""The login: ssh's own words, strict keys, one connection, nothing left behind."""

import os
import pwd
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.waiting import wait_until
from proof.transport.errors import ConnectionLostError, Unreachable
from proof.transport.host import Host, connect
from proof.transport.observation import Observation
from proof.transport.spec import ConnectionSpec
from proof.transport.ssh import Login, router
from tests.proof.transport.test_command import alive, ended

NOWHERE = ConnectionSpec("root", "127.0.0.1", 1, None, name="nowhere")


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        ("ssh: connect to host h port 22: Connection refused", "nothing listens"),
        ("@ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! @\nHost key verification failed.", "find out why"),
        ("Host key verification failed.", "confirm_host_key.sh"),
        ("root@h: Permission denied (publickey).", "the key was refused"),
        ("sudo: a password is required", "task 1.2.1"),
        ("ssh: connect to host h port 22: Connection timed out", "firewall"),
        ("env: 'python3': No such file or directory", "install python3 on the host"),
        ("", "look at ssh's message"),
    ],
)
def test_an_error_reports_where_what_and_what_to_do(words: str, hint: str) -> None:
    way = ConnectionSpec("admin", "10.0.0.1", 2288, Path("/etc/lab config"), True, "mail")
    told = str(Unreachable(way, words))
    assert "mail (admin@10.0.0.1:2288) cannot be reached" in told
    assert words in told
    assert hint in told
    assert "try `ssh -F '/etc/lab config' -p 2288 admin@10.0.0.1 sudo -n true`" in told
    assert Unreachable(way, words).name == "mail"


def test_a_lost_connection_is_unreachable_too() -> None:
    assert "lost during `true`" in str(ConnectionLostError(NOWHERE, "true", "Timeout, server not responding."))
    assert issubclass(ConnectionLostError, Unreachable)


def test_ssh_gets_no_chance_to_ask_or_to_share() -> None:
    options = Login.options_class(hostname="h", max_message_size=router().max_message_size)
    assert options.check_host_keys == "enforce"


@pytest.mark.skipif(shutil.which("ssh") is None, reason="there is no ssh here")
def test_no_one_listens(tmp_path: Path) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        way = ConnectionSpec("root", "127.0.0.1", unused.getsockname()[1], None, name="nowhere")
        with pytest.raises(Unreachable, match="Connection refused") as caught:
            connect(way)
    assert caught.value.words.startswith("ssh: connect to host 127.0.0.1")
    assert str(tmp_path) not in str(caught.value)


def sshd() -> str | None:
    """The server's program, if it can run as this user."""
    return shutil.which("sshd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")


def reason() -> str:
    """Why no server can be started here; empty if one can."""
    if sshd() is None or shutil.which("ssh-keygen") is None:
        return "there is no sshd here"
    if os.geteuid() == 0 and "sshd" not in {user.pw_name for user in pwd.getpwall()}:
        return "sshd as root needs the user sshd"
    return ""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ConnectionSpec]:
    """A private sshd on loopback; the way to it as this user."""
    if reason():
        pytest.skip(reason())
    folder = tmp_path_factory.mktemp("sshd")
    for name in ("host", "key"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / name], check=True)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    (folder / "sshd_config").write_text(
        f"Port {port}\nListenAddress 127.0.0.1\nHostKey {folder}/host\nPidFile none\nUsePAM no\nStrictModes no\n"
        f"AuthorizedKeysFile {folder}/key.pub\nPasswordAuthentication no\nPermitRootLogin prohibit-password\n"
    )
    kind, blob, *_ = (folder / "host.pub").read_text().split()
    (folder / "known_hosts").write_text(f"server {kind} {blob}\n")
    (folder / "ssh_config").write_text(
        f"Host server other\nHostName 127.0.0.1\nPort {port}\nIdentityFile {folder}/key\nIdentitiesOnly yes\n"
        f"UserKnownHostsFile {folder}/known_hosts\nGlobalKnownHostsFile none\n"
        f"StrictHostKeyChecking no\nControlMaster auto\nControlPath {folder}/shared\n"
        "Host server\nHostKeyAlias server\nHost other\nHostKeyAlias other\n"
    )
    arguments = [str(sshd()), "-D", "-e", "-f", str(folder / "sshd_config")]
    with (folder / "log").open("wb") as log, subprocess.Popen(arguments, stderr=log) as process:
        log_file = folder / "log"
        wait_until(lambda: "listening" in log_file.read_text(), "sshd to listen", 10)
        user = pwd.getpwuid(os.geteuid()).pw_name
        yield ConnectionSpec(user, "server", None, folder / "ssh_config", name="server")
        process.terminate()


@pytest.fixture
def seen() -> list[Observation]:
    return []


@pytest.fixture
def host(server: ConnectionSpec, seen: list[Observation]) -> Iterator[Host]:
    connected = connect(server, seen.append)
    yield connected
    connected.close()


def logins(way: ConnectionSpec) -> int:
    assert way.ssh_config
    return (way.ssh_config.parent / "log").read_text().count("Accepted publickey")


def test_one_login_serves_all(host: Host, server: ConnectionSpec) -> None:
    before = logins(server)
    assert host.run("printf %s", "a b").stdout == "a b"
    assert host.file("/etc/passwd").is_file
    assert host.user("root").uid == 0
    assert logins(server) == before
    assert server.ssh_config
    assert not (server.ssh_config.parent / "shared").exists()


def test_closing_ends_ssh_and_the_interpreter(host: Host) -> None:
    pid = int(host.call(os.getpid))
    host.close()
    assert ended(pid)
    children = Path(f"/proc/self/task/{os.getpid()}/children")
    wait_until(lambda: not any(is_ssh(pid) for pid in children.read_text().split()), "ssh to end", 5)


def is_ssh(pid: str) -> bool:
    return alive(int(pid)) and Path(f"/proc/{pid}/comm").read_text().strip() == "ssh"


def test_an_unknown_host_key_is_refused_whatever_the_settings_say(server: ConnectionSpec) -> None:
    with pytest.raises(Unreachable, match="Host key verification failed"):
        connect(ConnectionSpec(server.user, "other", None, server.ssh_config))


def test_a_wrong_user_is_refused_without_a_question(server: ConnectionSpec) -> None:
    with pytest.raises(Unreachable, match="Permission denied"):
        connect(ConnectionSpec("no-such-user", "server", None, server.ssh_config))


def test_large_outputs_pass(host: Host) -> None:
    assert len(host.run("head -c 8000000 /dev/zero").stdout_bytes) == 8_000_000
