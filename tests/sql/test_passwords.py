from typing import Any

import psycopg
import pytest
from psycopg import sql
from psycopg.errors import Diagnostic

from proof.database.sha_crypt import LONGEST, SCHEME, crypt3
from tests.sql.conftest import ROLES, TEST_PASSWORD, Database

ALICE = "alice@testdomain.local"
# As SOGo's SQLSource sends it: values and all in the text.
SOGO_UPDATE = "UPDATE sogo_users SET c_password = '%s' WHERE c_uid = '%s'"


def ask(connection: psycopg.Connection, query: str, *arguments: object) -> Any:
    row = connection.execute(query.encode(), arguments).fetchone()
    assert row is not None
    return row[0]


def test_verify_password(shared: Database) -> None:
    verify = "SELECT verify_password(%s, %s)"
    with shared.login("dovecot") as dovecot:
        assert ask(dovecot, verify, ALICE, TEST_PASSWORD) is True
        assert ask(dovecot, verify, "Alice@TestDomain.LOCAL", TEST_PASSWORD) is True
        for address, password in (
            (ALICE, "wrong"),
            (ALICE, TEST_PASSWORD + " "),
            (ALICE, TEST_PASSWORD.upper()),
            (ALICE, ""),
            (ALICE, None),
            (ALICE, "x" * (LONGEST + 1)),
            ("nobody@testdomain.local", TEST_PASSWORD),
            ("", TEST_PASSWORD),
            (None, TEST_PASSWORD),
            ("alice", TEST_PASSWORD),
            ("%", TEST_PASSWORD),
        ):
            assert ask(dovecot, verify, address, password) is False, (address, password)


@pytest.mark.parametrize("table", ["virtual_users", "virtual_domains"])
def test_no_one_gets_in_who_is_not_active(mail: Database, table: str) -> None:
    with mail.superuser() as superuser, mail.login("dovecot") as dovecot:
        superuser.execute(sql.SQL("UPDATE {} SET active = false").format(sql.Identifier(table)))
        assert ask(dovecot, "SELECT verify_password(%s, %s)", ALICE, TEST_PASSWORD) is False
        assert dovecot.execute("SELECT FROM user_mailbox_info").rowcount == 0


def test_a_password_no_one_can_have(mail: Database) -> None:
    with mail.superuser() as superuser:
        superuser.execute("UPDATE virtual_users SET password = %s", (SCHEME + crypt3("", "$6$rounds=1000$salt"),))
        assert ask(superuser, "SELECT verify_password(%s, '')", ALICE) is False


def test_hash_password(mail: Database) -> None:
    with mail.login("mailadmin") as mailadmin:
        made = [ask(mailadmin, "SELECT hash_password(%s)", "Grüße") for _ in range(3)]
        assert len(set(made)) == 3
        for stored in made:
            hashed = stored.removeprefix(SCHEME)
            assert crypt3("Grüße", hashed) == hashed
        expensive = ask(mailadmin, "SELECT hash_password(%s, 7000)", "Grüße")
        assert expensive.startswith(f"{SCHEME}$6$rounds=7000$")
        mailadmin.execute("UPDATE virtual_users SET password = %s WHERE email = %s", (expensive, ALICE))
        assert ask(mailadmin, "SELECT verify_password(%s, %s)", ALICE, "Grüße") is True
        for refused in ("SELECT hash_password('')", "SELECT hash_password('x', 200001)"):
            with pytest.raises(psycopg.errors.InvalidParameterValue):
                mailadmin.execute(refused.encode())


def test_sogo_changes_a_password_with_its_own_statement(mail: Database) -> None:
    changed = crypt3("new one", "$6$12345678$")
    for written in (changed, "{sha512-crypt}" + changed, "{SHA512-CRYPT}" + changed):
        with mail.login("sogo") as sogo, mail.login("dovecot") as dovecot:
            assert sogo.execute((SOGO_UPDATE % (written, ALICE)).encode()).rowcount == 1
            assert ask(sogo, "SELECT c_password FROM sogo_users WHERE c_uid = %s", ALICE) == SCHEME + changed
            assert ask(dovecot, "SELECT verify_password(%s, %s)", ALICE, "new one") is True
            assert ask(dovecot, "SELECT verify_password(%s, %s)", "bob@testdomain.local", TEST_PASSWORD) is True


@pytest.mark.parametrize(
    "written",
    ["cleartext", "{plain}cleartext", "{SSHA512}cleartext", "$6$rounds=300000$salt$" + "x" * 86, "", "$6$cleartext"],
)
def test_only_a_hash_can_be_stored_and_no_error_quotes_it(shared: Database, written: str) -> None:
    with shared.login("sogo", options="-c client_min_messages=log") as sogo:
        said: list[str] = []
        sogo.add_notice_handler(lambda diagnostic: said.append(diagnostic.message_primary or ""))
        with pytest.raises(psycopg.errors.CheckViolation) as refused:
            sogo.execute("UPDATE sogo_users SET c_password = %s WHERE c_uid = %s", (written, ALICE))
    diagnostic = refused.value.diag
    told = " ".join(filter(None, (str(refused.value), diagnostic.message_detail, diagnostic.context, *said)))
    assert "cleartext" not in told
    assert "Failing row" not in told


def logged(connection: psycopg.Connection) -> list[str]:
    """What the server writes to its log for this session from now on, also for a statement that fails."""
    said: list[str] = []

    def hear(diagnostic: Diagnostic) -> None:
        said.append(f"{diagnostic.message_primary} {diagnostic.message_detail}")

    connection.add_notice_handler(hear)
    connection.execute("SELECT 'a secret'")
    return said


def test_the_server_logs_no_statement_of_a_service(mail: Database) -> None:
    """A client that asks for the server's log messages is sent those that are written."""
    listen = "-c client_min_messages=log"
    with mail.superuser() as superuser:
        name = sql.Identifier(superuser.info.dbname)
        superuser.execute(sql.SQL("ALTER DATABASE {} SET log_statement = 'all'").format(name))
        superuser.execute(sql.SQL("ALTER DATABASE {} SET log_min_duration_statement = 0").format(name))
    with mail.superuser(options=listen) as superuser:
        assert "a secret" in str(logged(superuser))
    for role in ROLES:
        with mail.login(role, options=listen) as connection:
            assert logged(connection) == []
            shown = connection.execute("SELECT current_setting('log_min_error_statement')").fetchone()
            assert shown == ("panic",)
