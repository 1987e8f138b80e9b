from collections.abc import Iterator

import psycopg
import pytest

from proof.database.sha_crypt import LONGEST, PUBLISHED, SCHEME, Vector, crypt3, random_vectors
from tests.sql.conftest import new_database

RANDOM_PASSWORDS = 1200
SEED = 20260112
HASH = SCHEME + crypt3("secret", "$6$rounds=1000$salt")


@pytest.fixture(scope="module")
def connection(cluster: str) -> Iterator[psycopg.Connection]:
    with new_database(cluster) as database:
        done = database.apply()
        assert done.returncode == 0, done.stderr
        with database.superuser() as connection:
            yield connection


def sha512_crypt(connection: psycopg.Connection, password: str, setting: str) -> str:
    row = connection.execute("SELECT sha512_crypt(%s, %s)", (password, setting)).fetchone()
    assert row is not None
    return str(row[0])


@pytest.mark.parametrize("vector", PUBLISHED, ids=lambda vector: vector.setting)
def test_the_published_vectors(connection: psycopg.Connection, vector: Vector) -> None:
    assert sha512_crypt(connection, vector.password, vector.setting) == vector.expected
    assert sha512_crypt(connection, vector.password, vector.expected) == vector.expected


def test_random_passwords_as_openssl_hashes_them(connection: psycopg.Connection) -> None:
    vectors = list(random_vectors(RANDOM_PASSWORDS, SEED))
    passwords = [vector.password for vector in vectors]
    assert "" in passwords
    assert max(len(password.encode()) for password in passwords) > 500
    assert sum(not password.isascii() for password in passwords) > 300
    assert len({vector.setting for vector in vectors}) >= 60
    wrong = [
        vector for vector in vectors if sha512_crypt(connection, vector.password, vector.setting) != vector.expected
    ]
    assert not wrong, f"seed {SEED}: {len(wrong)} of {len(vectors)} differ, first {wrong[0]}"


@pytest.mark.parametrize("length", [0, 1, 16, 63, 64, 65, 127, 128, 129, 256, LONGEST])
def test_every_length_as_crypt_hashes_it(connection: psycopg.Connection, length: int) -> None:
    password = "x" * length
    assert sha512_crypt(connection, password, "$6$rounds=1000$salt") == crypt3(password, "$6$rounds=1000$salt")


@pytest.mark.parametrize(
    ("password", "setting"),
    [
        ("x", "$6$rounds=200001$salt"),
        ("x", "$6$rounds=999999999$salt"),
        ("x", "$6$rounds=9999999999$salt"),
        ("x", "$6$rounds=-1$salt"),
        ("x", "$6$rounds=$salt"),
        ("x", "$5$salt"),
        ("x", "$1$salt"),
        ("x", "salt"),
        ("x", ""),
        ("x", "$6$sa:lt"),
        ("x", "$6$ßalt"),
        ("x" * (LONGEST + 1), "$6$salt"),
        ("ß" * 256, "$6$salt"),
    ],
)
def test_what_is_never_computed(connection: psycopg.Connection, password: str, setting: str) -> None:
    with pytest.raises(psycopg.errors.InvalidParameterValue):
        sha512_crypt(connection, password, setting)


@pytest.mark.parametrize(
    ("stored", "good"),
    [
        (HASH, True),
        (HASH.replace("rounds=1000", "rounds=200000"), True),
        (HASH.replace("rounds=1000", "rounds=200001"), False),
        (HASH.replace("rounds=1000", "rounds=999999999"), False),
        (HASH.replace("rounds=1000", "rounds=0999"), False),
        (HASH.replace("rounds=1000$", ""), True),
        (HASH.removeprefix(SCHEME), False),
        (HASH.replace("SHA512", "sha512"), False),
        (HASH[:-1], False),
        (HASH + "x", False),
        (HASH + "\n", False),
        (HASH.replace("salt", "s" * 17), False),
        (HASH.replace("$6$", "$5$"), False),
        ("{PLAIN}secret", False),
        ("", False),
        (None, None),
    ],
)
def test_what_may_be_stored(connection: psycopg.Connection, stored: str | None, good: bool | None) -> None:
    assert connection.execute("SELECT is_sha512_crypt(%s)", (stored,)).fetchone() == (good,)


@pytest.mark.parametrize("prefix", ["", SCHEME, "{sha512-crypt}", "{Sha512-Crypt}", "{CRYPT}", "{crypt}"])
def test_one_spelling_of_the_scheme(connection: psycopg.Connection, prefix: str) -> None:
    stored = prefix + HASH.removeprefix(SCHEME)
    assert connection.execute("SELECT canonical_hash(%s)", (stored,)).fetchone() == (HASH,)


def test_equality_sees_every_character(connection: psycopg.Connection) -> None:
    others = [HASH[:place] + "~" + HASH[place + 1 :] for place in range(len(HASH))] + [HASH[:-1], HASH + ".", ""]
    query = "SELECT array_agg(equal_in_constant_time(%s, other)) FROM unnest(%s::text[]) AS other"
    assert connection.execute(query, (HASH, others)).fetchone() == ([False] * len(others),)
    assert connection.execute(query, (HASH, [HASH])).fetchone() == ([True],)
