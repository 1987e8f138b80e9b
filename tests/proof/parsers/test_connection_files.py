"""Logins in connection files, and the look-ups that services make with them."""

import pytest

from proof.database import lookups
from proof.parsers.connection_files import Settings, of_files, settings

POSTFIX = """\
# virtual_mailbox_domains
hosts = 10.0.0.1:5432
dbname = mail
user = postfix
password = se-cret_1
query = SELECT name FROM postfix_domains WHERE name = '%s'
"""
DOVECOT = """\
sql_driver = pgsql
pgsql mail {
  parameters {
    host = 10.0.0.1
    port = 5432
    dbname = mail
    user = dovecot
    password = se-cret_2
  }
}
passdb sql {
  query = SELECT email AS user, password FROM user_mailbox_info WHERE email = '%{user | lower}'
}
userdb sql {
  query = SELECT email AS user FROM user_mailbox_info WHERE email = '%{user | lower}'
  iterate_query = SELECT email AS user FROM user_mailbox_info
}
"""
SOGO = 'viewURL = "postgresql://sogo:se-cret_3@10.0.0.1:5432/mail/sogo_users";\n'
ADMIN = "postgresql://mailadmin:se-cret_4@10.0.0.1:5432/mail\n"
FILES = {
    "README.md": b"# nothing",
    "dovecot-sql.conf.ext": DOVECOT.encode(),
    "mailadmin.uri": ADMIN.encode(),
    "postfix-aliases.cf": POSTFIX.replace("postfix_domains WHERE name", "postfix_aliases WHERE source").encode(),
    "postfix-domains.cf": POSTFIX.encode(),
    "sogo.conf": SOGO.encode(),
}
ALICE, BOB = "alice@a.example", "bob@a.example"


@pytest.mark.parametrize(
    ("text", "user", "number"),
    [(POSTFIX, "postfix", 1), (DOVECOT, "dovecot", 2), (SOGO, "sogo", 3), (ADMIN, "mailadmin", 4)],
)
def test_every_kind_of_file(text: str, user: str, number: int) -> None:
    assert settings(text) == Settings("10.0.0.1", 5432, "mail", user, f"se-cret_{number}")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "hosts = 10.0.0.1\ndbname = mail\nuser = x\npassword = se-cret",
        "host = 10.0.0.1\nport = 5432\nuser = x\npassword = se-cret",
        "postgresql://sogo:se-cret@10.0.0.1/mail",
        "postgresql://sogo:se-cret@10.0.0.1:5432/",
    ],
)
def test_what_is_no_login_is_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(ValueError, match=r"no login|lacks a part") as raised:
        settings(text)
    assert "se-cret" not in str(raised.value)


def test_all_files_but_the_instructions() -> None:
    assert {name: login.user for name, login in of_files(FILES).items()} == {
        "dovecot-sql.conf.ext": "dovecot",
        "mailadmin.uri": "mailadmin",
        "postfix-aliases.cf": "postfix",
        "postfix-domains.cf": "postfix",
        "sogo.conf": "sogo",
    }


def test_as_libpq_wants_it() -> None:
    assert settings(ADMIN).libpq(host="other", connect_timeout="3") == {
        "host": "other",
        "port": "5432",
        "dbname": "mail",
        "user": "mailadmin",
        "password": "se-cret_4",
        "connect_timeout": "3",
    }


def test_the_look_ups_of_the_services() -> None:
    alias = "SELECT name FROM postfix_aliases WHERE source = 'ADDRESS'"
    assert lookups.postfix(FILES, [BOB, ALICE]) == [
        alias.replace("ADDRESS", ALICE),
        alias.replace("ADDRESS", BOB),
        "SELECT name FROM postfix_domains WHERE name = 'a.example'",
    ]
    assert lookups.dovecot(FILES, ["a@b"]) == [
        "SELECT email AS user, password FROM user_mailbox_info WHERE email = 'a@b'",
        "SELECT email AS user FROM user_mailbox_info WHERE email = 'a@b'",
    ]
