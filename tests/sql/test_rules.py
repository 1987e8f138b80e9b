"""What the tables accept, whoever writes."""

import psycopg
import pytest
from psycopg import errors

from tests.sql.conftest import Database

USER = "INSERT INTO virtual_users (email, password) SELECT '{}', hash_password('x')"
ALIAS = "INSERT INTO virtual_aliases (source, destination) VALUES ('{}', '{}')"


@pytest.mark.parametrize(
    ("statement", "error"),
    [
        (USER.format("ALICE@TestDomain.local"), errors.UniqueViolation),
        ("INSERT INTO virtual_domains (name) VALUES ('TestDomain.LOCAL')", errors.UniqueViolation),
        (ALIAS.format("TEAM@testdomain.local", "Bob@TESTDOMAIN.local"), errors.UniqueViolation),
        (USER.format("x@elsewhere.example"), errors.ForeignKeyViolation),
        (USER.format("a@b@testdomain.local"), errors.ForeignKeyViolation),
        ("UPDATE virtual_users SET email = 'alice@elsewhere.example'", errors.ForeignKeyViolation),
        ("UPDATE virtual_users SET domain_id = 99 WHERE id = 1", errors.ForeignKeyViolation),
        ("DELETE FROM virtual_domains", errors.ForeignKeyViolation),
        ("UPDATE virtual_domains SET name = 'renamed.example'", errors.ForeignKeyViolation),
        (USER.format("a/b@testdomain.local"), errors.CheckViolation),
        (USER.format(".@testdomain.local"), errors.CheckViolation),
        (USER.format("x" * 65 + "@testdomain.local"), errors.CheckViolation),
        ("INSERT INTO virtual_domains (name) VALUES ('no domain')", errors.CheckViolation),
        (ALIAS.format("x@testdomain.local", "a@b.c, d@e.f"), errors.CheckViolation),
        ("UPDATE virtual_users SET quota_bytes = -1", errors.CheckViolation),
    ],
)
def test_what_is_refused(shared: Database, statement: str, error: type[psycopg.Error]) -> None:
    with shared.login("mailadmin") as mailadmin, pytest.raises(error):
        mailadmin.execute(statement.encode())


def test_an_address_is_spelled_in_one_way(mail: Database) -> None:
    with mail.login("mailadmin") as mailadmin:
        mailadmin.execute("INSERT INTO virtual_domains (name) VALUES ('Second.Example')")
        mailadmin.execute("UPDATE virtual_users SET email = ' Alice.B@SECOND.example ' WHERE email LIKE 'alice@%'")
        moved = mailadmin.execute(
            "SELECT u.email, d.name, u.domain FROM virtual_users AS u JOIN virtual_domains AS d ON d.id = u.domain_id"
            " WHERE u.email LIKE 'alice%'"
        )
        assert moved.fetchone() == ("alice.b@second.example", "second.example", "second.example")
