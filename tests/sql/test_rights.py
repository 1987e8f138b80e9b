"""Every right of every role, tried: the table is the one of the feature."""

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from proof.database import rights
from proof.database.rights import Rights
from tests.sql.conftest import PASSWORDS, ROLES, Database
from tests.sql.rightstable import TABLE


@pytest.mark.parametrize("role", ROLES)
def test_every_cell_of_the_table(shared: Database, role: str) -> None:
    table = Rights.parse(TABLE)
    with shared.login(role) as connection:
        tries = list(rights.attempts(connection, table, role))
        outcomes = rights.run(connection, tries)
    assert len(outcomes) > 80
    wrong = [str(outcome) for outcome in outcomes if not outcome.as_it_should_be]
    assert not wrong, "\n".join(wrong)


def test_the_table_knows_every_relation_and_role(shared: Database) -> None:
    table = Rights.parse(TABLE)
    with shared.superuser() as superuser:
        assert {relation.name for relation in rights.relations(superuser)} == table.relations
        logins = superuser.execute("SELECT rolname FROM pg_roles WHERE rolcanlogin AND NOT rolsuper").fetchall()
    assert {name for (name,) in logins} == set(table.roles)


@pytest.mark.parametrize("role", ROLES)
def test_nothing_outside_the_table(shared: Database, role: str) -> None:
    with shared.login(role) as connection:
        outcomes = rights.run(connection, list(rights.attempts_beyond(role)))
    wrong = [str(outcome) for outcome in outcomes if not outcome.as_it_should_be]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("other", ["postgres", "template1"])
def test_no_other_database(shared: Database, role: str, other: str) -> None:
    login = make_conninfo(shared.conninfo, user=role, password=PASSWORDS[role], dbname=other)
    with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
        psycopg.connect(login)


def test_postfix_sees_no_password_in_the_statistics(mail: Database) -> None:
    with mail.superuser() as superuser:
        superuser.execute("ANALYZE")
        leaky = "SELECT FROM pg_stats WHERE schemaname = 'public' AND pg_stats::text LIKE '%$6$%'"
        assert superuser.execute(leaky).rowcount > 0
    with mail.login("postfix") as postfix:
        assert postfix.execute(leaky).rowcount == 0


@pytest.mark.parametrize(
    ("role", "leaky"),
    [
        ("sogo", "SELECT FROM sogo_users WHERE c_password::integer = 0"),
        ("sogo", "UPDATE sogo_users SET c_password = DEFAULT WHERE c_password::integer = 0"),
        ("dovecot", "SELECT FROM user_mailbox_info WHERE password::integer = 0"),
        ("postfix", "SELECT FROM postfix_mailboxes WHERE email::integer = 0"),
        ("postfix", "SELECT FROM postfix_aliases WHERE destination::integer = 0"),
    ],
)
def test_a_view_does_not_leak_what_it_leaves_out(mail: Database, role: str, leaky: str) -> None:
    """A condition that fails would tell the row it failed on; nothing that a view leaves out may get there."""
    with mail.superuser() as superuser:
        superuser.execute("UPDATE virtual_domains SET active = false")
    with mail.login(role) as connection:
        assert connection.execute(leaky.encode()).rowcount == 0


def test_a_right_too_many_is_noticed(mail: Database) -> None:
    with mail.superuser() as superuser:
        superuser.execute("GRANT SELECT (password) ON virtual_users TO postfix")
        superuser.execute("REVOKE SELECT ON postfix_domains FROM postfix")
        superuser.execute("GRANT EXECUTE ON FUNCTION hash_password TO PUBLIC")
    with mail.login("postfix") as postfix:
        outcomes = rights.run(postfix, list(rights.attempts(postfix, Rights.parse(TABLE), "postfix")))
    wrong = {outcome.attempt.target for outcome in outcomes if not outcome.as_it_should_be}
    assert wrong == {"virtual_users.password", "postfix_domains", "postfix_domains.name", "hash_password()"}


def test_a_second_run_takes_back_what_was_granted(mail: Database) -> None:
    with mail.superuser() as superuser:
        for statement in (
            "GRANT SELECT (password) ON virtual_users TO postfix",
            "GRANT ALL ON virtual_users TO sogo",
            "GRANT pg_read_all_data TO dovecot",
            "GRANT EXECUTE ON FUNCTION hash_password TO PUBLIC",
            "ALTER ROLE sogo CREATEROLE",
        ):
            superuser.execute(statement.encode())
        superuser.execute(
            sql.SQL("GRANT TEMPORARY ON DATABASE {} TO PUBLIC").format(sql.Identifier(superuser.info.dbname))
        )
    assert mail.apply().returncode == 0
    for role in ROLES:
        test_every_cell_of_the_table(mail, role)
        test_nothing_outside_the_table(mail, role)
