"""What Postfix is told, by the queries of its maps: domains, mailboxes, aliases, and each mailbox as its own alias."""

import psycopg
import pytest

from tests.sql.conftest import Database

MAPS = {
    "domains": "SELECT name FROM postfix_domains WHERE name = %s",
    "mailboxes": "SELECT maildir FROM postfix_mailboxes WHERE email = %s",
    "aliases": "SELECT destination FROM postfix_aliases WHERE source = %s",
    "identity": "SELECT email FROM postfix_mailboxes WHERE email = %s",
}


def look_up(postfix: psycopg.Connection, table: str, key: str) -> list[str]:
    return sorted(row[0] for row in postfix.execute(MAPS[table].encode(), (key,)))


@pytest.mark.parametrize(
    ("table", "key", "found"),
    [
        ("domains", "testdomain.local", ["testdomain.local"]),
        ("domains", "elsewhere.example", []),
        ("mailboxes", "alice@testdomain.local", ["testdomain.local/alice/"]),
        ("mailboxes", "nobody@testdomain.local", []),
        ("aliases", "team@testdomain.local", ["alice@testdomain.local", "bob@testdomain.local"]),
        ("aliases", "alice@testdomain.local", []),
        ("identity", "alice@testdomain.local", ["alice@testdomain.local"]),
        ("identity", "team@testdomain.local", []),
    ],
)
def test_what_is_there(shared: Database, table: str, key: str, found: list[str]) -> None:
    with shared.login("postfix") as postfix:
        assert look_up(postfix, table, key) == found


def test_a_catch_all(mail: Database) -> None:
    with mail.login("mailadmin") as mailadmin, mail.login("postfix") as postfix:
        mailadmin.execute(
            "INSERT INTO virtual_aliases (source, destination) VALUES ('@testdomain.local', 'bob@testdomain.local')"
        )
        assert look_up(postfix, "aliases", "@testdomain.local") == ["bob@testdomain.local"]
        assert look_up(postfix, "aliases", "nobody@testdomain.local") == []
        assert look_up(postfix, "identity", "alice@testdomain.local") == ["alice@testdomain.local"]


def test_an_inactive_domain_takes_all_of_its_own_along(mail: Database) -> None:
    with mail.login("mailadmin") as mailadmin, mail.login("postfix") as postfix, mail.login("sogo") as sogo:
        mailadmin.execute("UPDATE virtual_domains SET active = false")
        assert look_up(postfix, "domains", "testdomain.local") == []
        assert look_up(postfix, "mailboxes", "alice@testdomain.local") == []
        assert look_up(postfix, "identity", "alice@testdomain.local") == []
        assert look_up(postfix, "aliases", "team@testdomain.local") == []
        assert sogo.execute("SELECT FROM sogo_users").rowcount == 0


def test_an_inactive_user_or_alias_alone(mail: Database) -> None:
    with mail.login("mailadmin") as mailadmin, mail.login("postfix") as postfix:
        mailadmin.execute("UPDATE virtual_users SET active = false WHERE email LIKE 'alice@%'")
        mailadmin.execute("UPDATE virtual_aliases SET active = false WHERE destination LIKE 'bob@%'")
        assert look_up(postfix, "mailboxes", "alice@testdomain.local") == []
        assert look_up(postfix, "mailboxes", "bob@testdomain.local") == ["testdomain.local/bob/"]
        assert look_up(postfix, "aliases", "team@testdomain.local") == ["alice@testdomain.local"]
