"""Fixtures for the mail database: the services' logins, their connection files, real clients."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import pytest
from psycopg.conninfo import make_conninfo

from proof.clients.tunnel import Tunnel
from proof.database import mail_clients as programs
from proof.database.access import MailDatabase
from proof.database.login import socket_name
from proof.database.mail_clients import Clients
from proof.evidence.redact import redactor
from proof.hosts.target import Target
from proof.plugin.session import SESSION
from proof.probes import secret_files

if TYPE_CHECKING:
    from proof.transport.host import Host


def secrets_of(mail: "Host", path: str) -> dict[str, str]:
    """The NAME=PASSWORD lines of a file on the host; they are known to no evidence. Raises AssertionError."""
    lines: dict[str, str] = mail.ask(
        f"secrets in {path}", secret_files.pairs, path, shown=lambda found: f"of {list(found)}"
    )
    for secret in lines.values():
        redactor.register(secret)
    return lines


@pytest.fixture(scope="session")
def database(pytestconfig: pytest.Config, mail: "Host", vpn_client: "Host", target: Target) -> Iterator[MailDatabase]:
    """The mail database, reached as a client in the VPN does."""
    session = pytestconfig.stash[SESSION]
    address, port = target.text("vpn_address"), target.number("postgres_port")
    name = target.text("postgres_database")

    def passwords() -> Mapping[str, str]:
        return secrets_of(mail, target.text("database_service_users_file"))

    with Tunnel(vpn_client, address, port, socket_name(port)) as tunnel:
        conninfo = make_conninfo(host=str(tunnel.path.parent), port=port, dbname=name)
        reached = MailDatabase(conninfo, passwords, session.recorder)
        yield reached
        reached.forget()


@pytest.fixture(scope="session")
def test_password(mail: "Host", target: Target) -> str:
    """The password of the test users."""
    if not target.variables["mail_test_data"]:
        pytest.skip(f"{target.name} has no test data: mail_test_data is false")
    return secrets_of(mail, target.text("database_test_users_file"))["password"]


@pytest.fixture
def connection_files(mail: "Host", target: Target) -> Mapping[str, bytes]:
    """The services' connection files, by name; all passwords in them are known to no evidence."""
    secrets_of(mail, target.text("database_service_users_file"))
    folder = target.text("database_connection_folder")
    found: Mapping[str, bytes] = mail.ask(
        f"files in {folder}", secret_files.contents, folder, shown=lambda files: f"{sorted(files)}"
    )
    return found


@pytest.fixture
def installed_clients(hub: "Host", connection_files: Mapping[str, bytes]) -> Iterator[Clients]:
    """Postfix and Dovecot on the hub, with the host's connection files. A target whose hub is not ours skips."""
    with programs.installed(hub, connection_files) as installed:
        yield installed
