"""sql/ on databases that are in use: what was there stays, and a second run changes nothing."""

import re
from pathlib import Path
from typing import Any

import pytest

from proof.database.sha_crypt import crypt3
from tests.sql.conftest import TEST_PASSWORD, Database

EARLIER = (Path(__file__).parent / "earlier_version.sql").read_text(encoding="utf-8")
HASHED = crypt3(TEST_PASSWORD, "$6$rounds=1000$testsalt").rpartition("$")[2]
ROLE_SETTINGS = """
    SELECT to_jsonb(a), s.setconfig
      FROM pg_authid AS a LEFT JOIN pg_db_role_setting AS s ON s.setrole = a.oid ORDER BY a.oid
"""
COLUMNS = """
    SELECT table_name, column_name, data_type, is_nullable, column_default, is_identity, is_generated
      FROM information_schema.columns WHERE table_schema = 'public' AND column_name <> 'remark' ORDER BY 1, 2
"""
CONSTRAINTS = """
    SELECT conrelid::regclass::text, contype, pg_get_constraintdef(oid)
      FROM pg_constraint WHERE connamespace = 'public'::regnamespace AND contype <> 'u' ORDER BY 1, 2, 3
"""
TABLES = ("virtual_domains", "virtual_users", "virtual_aliases")


def fill(database: Database, *changes: str) -> None:
    with database.superuser() as superuser:
        superuser.execute(EARLIER.replace("HASH", HASHED).encode())
        for change in changes:
            superuser.execute(change.encode())


def rows(database: Database, query: str) -> list[tuple[Any, ...]]:
    with database.superuser() as superuser:
        return superuser.execute(query.encode()).fetchall()


def contents(database: Database) -> list[list[tuple[Any, ...]]]:
    return [rows(database, f"TABLE {table} ORDER BY id") for table in TABLES]


def test_a_second_run_changes_nothing(mail: Database) -> None:
    with mail.login("mailadmin") as mailadmin:
        mailadmin.execute("INSERT INTO virtual_domains (name, active) VALUES ('second.example', false)")
        mailadmin.execute(
            "UPDATE virtual_users SET display_name = 'Some', quota_bytes = 5, active = false WHERE id = 2"
        )
        mailadmin.execute("DELETE FROM virtual_aliases WHERE source LIKE 'postmaster@%'")
        mailadmin.execute("INSERT INTO virtual_aliases (source, destination) VALUES ('@second.example', 'x@y.example')")
    before, schema = contents(mail), mail.dump("--schema-only")
    roles = rows(mail, ROLE_SETTINGS)
    again = mail.apply()
    assert (again.returncode, again.stdout, again.stderr) == (0, "", "")
    assert contents(mail) == before
    assert mail.dump("--schema-only") == schema
    assert rows(mail, ROLE_SETTINGS) == roles


def test_test_data_comes_back_without_touching_what_is_there(mail: Database, test_hash: str) -> None:
    with mail.superuser() as superuser:
        superuser.execute("DELETE FROM virtual_users WHERE email LIKE 'bob@%'")
        superuser.execute("UPDATE virtual_users SET display_name = 'Changed' WHERE email LIKE 'alice@%'")
    assert mail.apply(environment={"TEST_PASSWORD_HASH": test_hash}).returncode == 0
    assert rows(mail, "SELECT email, display_name FROM virtual_users ORDER BY 1") == [
        ("alice@testdomain.local", "Changed"),
        ("bob@testdomain.local", "Bob Test"),
        ("carol@testdomain.local", "Carol Test"),
    ]


def test_without_a_password_for_it_there_is_no_test_data(empty: Database) -> None:
    assert empty.apply().returncode == 0
    assert contents(empty) == [[], [], []]


def test_an_earlier_version_with_rows(empty: Database) -> None:
    fill(empty)
    first = empty.apply()
    assert first.returncode == 0, first.stderr
    assert rows(empty, "SELECT id, name, remark, active FROM virtual_domains ORDER BY id") == [
        (1, "example.org", "ours", True),
        (2, "other.example", None, True),
    ]
    stored = "{SHA512-CRYPT}$6$rounds=1000$testsalt$" + HASHED
    assert rows(empty, "SELECT id, domain_id, email, password, quota_bytes, active FROM virtual_users ORDER BY id") == [
        (1, 1, "dora@example.org", stored, 1000, True),
        (2, 1, "emil@example.org", stored, 0, False),
        (3, 2, "fred@other.example", stored, 0, False),
    ]
    assert rows(empty, "SELECT id, domain_id, source, destination FROM virtual_aliases ORDER BY id") == [
        (1, 1, "@example.org", "dora@example.org"),
        (2, 2, "info@other.example", "someone.else@elsewhere.example"),
    ]
    with empty.login("dovecot") as dovecot:
        verified = dovecot.execute("SELECT verify_password('Dora@example.org', %s)", (TEST_PASSWORD,)).fetchone()
        assert verified == (True,)
    before = contents(empty)
    second = empty.apply()
    assert second.returncode == 0, second.stderr
    assert contents(empty) == before


def test_an_upgraded_database_is_like_a_new_one(empty: Database, shared: Database) -> None:
    fill(empty)
    done = empty.apply()
    assert done.returncode == 0, done.stderr
    for query in (COLUMNS, CONSTRAINTS):
        assert rows(empty, query) == rows(shared, query)
    with empty.login("mailadmin") as mailadmin:
        added = mailadmin.execute(
            "INSERT INTO virtual_users (email, password) SELECT 'new@example.org', hash_password('x')"
            " RETURNING id, domain_id"
        )
        assert added.fetchone() == (4, 1)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ("INSERT INTO virtual_domains (name) VALUES ('EXAMPLE.org')", "domain in several spellings: .*EXAMPLE.org"),
        ("INSERT INTO virtual_domains (name) VALUES ('no domain')", "no domains: no domain"),
        (
            "UPDATE virtual_users SET email = 'EMIL@example.org' WHERE id = 1",
            "in several spellings: .*EMIL@example.org",
        ),
        ("UPDATE virtual_users SET domain_id = 2 WHERE id = 1", "domain of their domain_id: Dora@Example.org"),
        ("UPDATE virtual_users SET email = '../x@example.org' WHERE id = 1", "malformed addresses.*: ../x@example.org"),
        ("UPDATE virtual_users SET password = 'cleartext' WHERE id = 1", "not SHA512-CRYPT.*; users: Dora@Example.org"),
        ("UPDATE virtual_aliases SET destination = 'a@b.c, d@e.f' WHERE id = 1", "not one address each: a@b.c, d@e.f"),
        ("UPDATE virtual_aliases SET source = 'x@no.example' WHERE id = 1", "malformed sources.*x@no.example"),
    ],
)
def test_what_cannot_be_kept_is_named_and_nothing_changes(empty: Database, change: str, named: str) -> None:
    fill(empty, change)
    before, schema = contents(empty), empty.dump()
    refused = empty.apply()
    assert refused.returncode == 3
    assert "cleartext" not in refused.stderr
    assert re.search(named, refused.stderr)
    assert "Nothing was changed" in refused.stderr
    assert contents(empty) == before
    assert empty.dump() == schema
