"""Databases made from sql/ in a cluster that may be thrown away; without one these tests are skipped."""

import os
import re
import secrets
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from lab.paths import ROOT
from proof.database import scram
from proof.database.sha_crypt import SCHEME, crypt3

CLUSTER = "MAIL_SCRATCH_CLUSTER"
ROLES = ("postfix", "dovecot", "sogo", "mailadmin")
TEST_PASSWORD = "correct horse battery staple"  # noqa: S105
PASSWORDS = {role: f"{role}-{secrets.token_hex(8)}" for role in ROLES}  # roles belong to the cluster, not to a database
RANDOM = re.compile(r"\\(un)?restrict ")
FILES = sorted((ROOT / "sql").glob("[0-9]*.sql"))


@dataclass(frozen=True)
class Database:
    """A database of its own; the cluster's superuser is whom the conninfo names."""

    conninfo: str

    def superuser(self, **settings: str) -> psycopg.Connection:
        """A new connection with every right."""
        return psycopg.connect(make_conninfo(self.conninfo, **settings), autocommit=True)

    def login(self, role: str, **settings: str) -> psycopg.Connection:
        """A new connection of a service."""
        login = make_conninfo(self.conninfo, user=role, password=PASSWORDS[role], **settings)
        return psycopg.connect(login, autocommit=True)

    def apply(self, *variables: str, environment: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        """Run the files of sql/ as the provisioning does, and return how that ended."""
        command = ["psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "--single-transaction", "-d", self.conninfo]
        for variable in variables:
            command += ["-v", variable]
        for file in FILES:
            command += ["-f", str(file)]
        given = {f"{role.upper()}_PASSWORD": scram.verifier(role, PASSWORDS[role]) for role in ROLES}
        given |= environment or {}
        return subprocess.run(command, capture_output=True, check=False, text=True, env=os.environ | given)

    def dump(self, *options: str) -> str:
        """What pg_dump says, without what differs from run to run."""
        command = ["pg_dump", *options, "-d", self.conninfo]
        done = subprocess.run(command, capture_output=True, check=True, text=True)
        return "".join(line for line in done.stdout.splitlines(keepends=True) if not RANDOM.match(line))


@pytest.fixture(scope="session")
def cluster() -> str:
    """The conninfo of a superuser in a cluster that may be thrown away."""
    if CLUSTER not in os.environ:
        pytest.skip(f"{CLUSTER} names no cluster to make databases and roles in")
    conninfo = os.environ[CLUSTER]
    with psycopg.connect(conninfo, autocommit=True) as connection:
        left = connection.execute("SELECT rolname FROM pg_roles WHERE rolname = ANY(%s)", (list(ROLES),)).fetchall()
        for (role,) in left:
            connection.execute(sql.SQL("ALTER ROLE {} RESET ALL").format(sql.Identifier(role)))
    return conninfo


@contextmanager
def new_database(cluster: str) -> Iterator[Database]:
    """An empty database, dropped at the end."""
    name = f"mail_test_{secrets.token_hex(4)}"
    with psycopg.connect(cluster, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(sql.Identifier(name)))
        try:
            yield Database(make_conninfo(cluster, dbname=name))
        finally:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture
def empty(cluster: str) -> Iterator[Database]:
    """An empty database."""
    with new_database(cluster) as database:
        yield database


@pytest.fixture(scope="session")
def test_hash() -> str:
    """What virtual_users keeps of the test users' password."""
    return SCHEME + crypt3(TEST_PASSWORD, "$6$rounds=1000$testsalt")


@pytest.fixture
def mail(empty: Database, test_hash: str) -> Database:
    """The mail database with its test data, for one test alone."""
    return provisioned(empty, test_hash)


@pytest.fixture(scope="session")
def shared(cluster: str, test_hash: str) -> Iterator[Database]:
    """The mail database with its test data, for tests that leave it as it is."""
    with new_database(cluster) as database:
        yield provisioned(database, test_hash)


def provisioned(database: Database, test_hash: str) -> Database:
    """The database after a run of sql/."""
    done = database.apply(environment={"TEST_PASSWORD_HASH": test_hash})
    assert done.returncode == 0, done.stderr
    return database
