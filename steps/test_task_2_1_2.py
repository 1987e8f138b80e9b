"""2.1.2: each service has the rights in the mail database that its work needs, and no others."""

import re
import secrets
import string
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import pytest
from pytest_bdd import given, parsers, scenarios, then, when
from testinfra.backend.base import CommandResult
from testinfra.host import Host

from proof.database import cost, rights
from proof.database.access import MailDatabase, Session
from proof.database.login import Logins
from proof.database.mail_clients import Clients
from proof.database.rights import Outcome, Rights
from proof.database.sha_crypt import PUBLISHED, SCHEME, Vector, crypt3, random_vectors
from proof.evidence.recorder import Recorder
from proof.evidence.redact import redactor
from proof.hosts.target import Target
from proof.probes import load, secret_files

scenarios("../features/task_2.1.2.feature")

VERIFY = "SELECT verify_password(%s, %s)"
STORE = "UPDATE virtual_users SET password = %s WHERE email = %s"
SOGO_UPDATE = "UPDATE sogo_users SET c_password = '%s' WHERE c_uid = '%s'"  # SOGo's SQLSource puts values into the text
HASHES = "SELECT c_uid, c_password FROM sogo_users"
DIGEST = "x" * 86
ROUNDS = re.compile(r"\$rounds=(\d+)\$")
DUPLICATE, CHECK_FAILED, BAD_VALUE, NO_RIGHT = "23505", "23514", "22023", "42501"
AT_ONCE = 5.0  # seconds; computing the hashes that are refused would take far longer
RANDOM = 8
NEW_PASSWORD = "a new password of alice"  # noqa: S105
TIMES = 5
SERVICES = ("postfix", "dovecot", "sogo", "mailadmin")
STRAYS = """
SELECT service, nspname || '.' || relname
FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace, unnest(%(services)s::text[]) AS service
WHERE relkind IN ('r', 'p', 'v', 'm', 'f', 'S') AND nspname NOT IN ('public', 'pg_catalog', 'information_schema')
AND nspname !~ '^pg_(toast|temp)' AND has_schema_privilege(service, pg_namespace.oid, 'USAGE')
AND CASE relkind WHEN 'S' THEN has_sequence_privilege(service, pg_class.oid, 'USAGE, SELECT, UPDATE')
    ELSE has_any_column_privilege(service, pg_class.oid, 'SELECT, INSERT, UPDATE, REFERENCES') END
"""

Table = Sequence[Sequence[str]]


@pytest.fixture
def alice(test_password: str) -> str:
    """The address of a test user; a host without test data skips."""
    assert test_password, "the test users have no password"
    return "alice@testdomain.local"


@pytest.fixture
def mailadmin(database: MailDatabase) -> Iterator[Session]:
    """mailadmin's login; what it does in a scenario is undone at its end."""
    with database.session("mailadmin") as session:
        yield session


@pytest.fixture
def sogo(database: MailDatabase) -> Iterator[Session]:
    """SOGo's login; what it does in a scenario is undone at its end."""
    with database.session("sogo") as session:
        yield session


@pytest.fixture
def dovecot(database: MailDatabase) -> Iterator[Session]:
    """Dovecot's login."""
    with database.session("dovecot") as session:
        yield session


def script(target: Target, name: str) -> str:
    """Path of a script of the database server on the host."""
    return f"{target.text('postgres_home')}/scripts/{name}"


def as_superuser(mail: Host, target: Target, statements: str) -> None:
    """Have the superuser run statements in the mail database, as someone at the host's shell could."""
    source = f"set -euo pipefail; . {script(target, 'common.sh')}"
    psql = 'in_postgres psql -X -q -v ON_ERROR_STOP=1 -d "$DATABASE" -f -'
    mail.run_expect([0], "bash -c %s", f"{source}; {psql}", stdin=statements)


@dataclass(frozen=True)
class Holdings:
    """What the database has, by name."""

    tables: frozenset[str]
    views: frozenset[str]
    functions: frozenset[str]
    logins: frozenset[str]


@when("the superuser looks for what each service may read or change in other schemas", target_fixture="strays")
def look_for_strays(logins: Logins, mail: Host, superuser_password: str, target: Target) -> list[tuple[str, str]]:
    """Relations beside those of schema public, with a service that reaches them; PostgreSQL's own do not count."""
    name = target.text("postgres_database")
    with logins.as_superuser(mail, superuser_password, name) as connection:
        return connection.execute(STRAYS, {"services": list(SERVICES)}).fetchall()


@then("there is nothing")
def no_strays(strays: list[tuple[str, str]]) -> None:
    """A copy of a table with hashes is open as soon as its schema is."""
    assert not strays, f"beyond the tracker's schema, mail's database is open to: {strays}"


@when("the mail database is asked what it holds", target_fixture="holdings")
def ask_holdings(mailadmin: Session) -> Holdings:
    """From its catalog, which every login can read."""
    found = rights.relations(mailadmin.connection)
    return Holdings(
        frozenset(relation.name for relation in found if relation.is_table),
        frozenset(relation.name for relation in found if not relation.is_table),
        frozenset(function.name for function in rights.functions(mailadmin.connection)),
        frozenset(name for (name,) in mailadmin.rows("SELECT rolname FROM pg_roles WHERE rolcanlogin")),
    )


@then(parsers.parse('the database has the {kind} "{name}"'))
def has_object(holdings: Holdings, kind: str, name: str) -> None:
    names = {"view": holdings.views, "function": holdings.functions}[kind]
    assert name in names, f"{kind}s: {sorted(names)}"


@then(parsers.parse('the database has the tables "{names}" and no others'))
def has_tables(holdings: Holdings, names: str) -> None:
    assert holdings.tables == set(names.split(", ")), f"tables: {sorted(holdings.tables)}"


@then("only the services and the superuser can log in")
def who_logs_in(holdings: Holdings, target: Target) -> None:
    """Roles with the right to log in."""
    services = target.variables["database_services"]
    assert isinstance(services, list)
    expected = {*map(str, services), target.text("postgres_superuser")}
    assert holdings.logins == expected, f"who can log in: {sorted(holdings.logins)}, not {sorted(expected)}"


@when("dovecot looks up all users of testdomain.local", target_fixture="users")
def look_up_users(dovecot: Session, alice: str) -> list[str]:
    query = "SELECT local_part FROM user_mailbox_info WHERE domain = %s ORDER BY 1"
    return [name for (name,) in dovecot.rows(query, alice.rpartition("@")[2])]


@then("they are alice, bob and carol")
def three_users(users: list[str]) -> None:
    assert users == ["alice", "bob", "carol"], f"users of testdomain.local: {users}"


@given("the services have these rights and no others", target_fixture="table")
def these_rights(datatable: Table) -> Rights:
    """The table of this scenario; unit tests of sql/ read the same."""
    return Rights.parse(datatable)


@when(
    parsers.parse("{service} tries every statement on every table, view, column and function, and on what lies beyond"),
    target_fixture="outcomes",
)
def try_everything(database: MailDatabase, service: str, table: Rights, evidence: Recorder) -> list[Outcome]:
    """None touches a row, and each is undone at once."""
    with database.session(service) as session:
        tries = [*rights.attempts(session.connection, table, service), *rights.attempts_beyond(service)]
        outcomes = rights.run(session.connection, tries)
    ran = sum(not outcome.error for outcome in outcomes)
    evidence.note(f"{service} tried {len(outcomes)} statements: {ran} ran, {len(outcomes) - ran} did not")
    return outcomes


@then("each ends as the table says")
def ends_as_the_table_says(outcomes: list[Outcome]) -> None:
    """Every cell that is otherwise is named."""
    wrong = [str(outcome) for outcome in outcomes if not outcome.as_it_should_be]
    assert any(outcome.attempt.allowed for outcome in outcomes), "the table allows nothing at all"
    assert not wrong, "\n".join(wrong)


@then(parsers.parse("{service} gets into no other database"))
def no_other_database(database: MailDatabase, service: str) -> None:
    """Neither the server's own nor the one that new ones are copied from."""
    for name in ("postgres", "template1"):
        refusal = database.refusal(service, dbname=name)
        assert "permission denied for database" in refusal, f"{service} in database {name}: {refusal or 'logged in'}"


@when(
    "postfix reads every row of all that it may read, and the server's statistics",
    target_fixture="readable",
)
def read_everything(database: MailDatabase) -> str:
    """Whole rows as text; what is refused is no part of it."""
    with database.session("postfix") as postfix:
        return "\n".join(rights.readable_rows(postfix.connection))


@then("no hash is among it")
def no_hash(readable: str) -> None:
    """What begins a SHA512-CRYPT hash, in any spelling of the scheme."""
    assert readable, "postfix could not read anything at all"
    assert "$6$" not in readable, "postfix can read hashes of passwords"


@then("dovecot, who may, reads one of every user")
def dovecot_reads(dovecot: Session) -> None:
    """So there are hashes that could have been found."""
    (found,) = dovecot.rows(
        "SELECT count(*), count(*) FILTER (WHERE strpos(password, '$6$') > 0) FROM user_mailbox_info"
    )
    assert found[0] == found[1] > 0, f"of {found[0]} users, dovecot reads a hash of {found[1]}"


def password_called(words: str, right: str) -> str | None:
    """The password that the table of a scenario means; those close to the right one are as secret."""
    meant = {
        "the right one": right,
        "a wrong one": "wrong",
        "the right one in the other case": right.swapcase(),
        "the right one and more": f"{right} ",
        "an empty one": "",
        "none": None,
    }[words]
    if meant and meant != "wrong":
        redactor.register(meant)
    return meant


@when("dovecot has these passwords checked", target_fixture="answers")
def check_passwords(dovecot: Session, test_password: str, datatable: Table) -> list[tuple[str, str, bool]]:
    """What was asked, what the answer should be, and whether the database called the password right."""
    rows = datatable[1:]
    answers = dovecot.each([(VERIFY, (user, password_called(words, test_password))) for user, words, _ in rows])
    return [
        (f"{user}, {words}", expected, answer.rows[0][0])
        for (user, words, expected), answer in zip(rows, answers, strict=True)
    ]


@then("each answer is that of the table")
def answers_as_told(answers: list[tuple[str, str, bool]]) -> None:
    """True or false, and never NULL."""
    wrong = [f"{asked}: {answer}" for asked, expected, answer in answers if answer is not (expected == "yes")]
    assert not wrong, "verify_password answers wrongly: " + "; ".join(wrong)


@given("mailadmin switches alice off")
def switch_off(mailadmin: Session, alice: str) -> None:
    """As for someone who has left."""
    changed = mailadmin.change("UPDATE virtual_users SET active = false WHERE email = %s", alice)
    assert changed == 1, f"mailadmin switched {changed} users off"


@when("the right password of alice is checked", target_fixture="answer")
def check_alice(mailadmin: Session, alice: str, test_password: str) -> bool:
    """As the role that switched her off."""
    return bool(mailadmin.value(VERIFY, alice, test_password))


@then("it is refused")
def is_refused(answer: bool) -> None:
    assert answer is False, "verify_password takes the password of a user who is switched off"


def rounds(vector: Vector) -> int:
    """How many rounds the hash of a vector takes."""
    found = ROUNDS.search(vector.expected)
    return int(found[1]) if found else 5000


def random_by_openssl(request: pytest.FixtureRequest) -> list[Vector]:
    """Other passwords in each run."""
    seed = secrets.randbelow(1 << 32)
    evidence: Recorder = request.getfixturevalue("evidence")
    evidence.note(f"random passwords of seed {seed}")
    return [vector for vector in random_vectors(RANDOM, seed) if vector.password]


def random_by_dovecot(request: pytest.FixtureRequest) -> list[Vector]:
    """With Dovecot's own program, on the hub."""
    hub: Host = request.getfixturevalue("hub")
    passwords = ["".join(secrets.choice(string.printable[:94]) for _ in range(length)) for length in (1, 12, 40)]
    made = [hub.check_output("doveadm pw -s SHA512-CRYPT -p %s", password).strip() for password in passwords]
    return [Vector(password, "", stored.removeprefix(SCHEME)) for password, stored in zip(passwords, made, strict=True)]


# Published are those of Ulrich Drepper's specification.
VECTORS: Mapping[str, Callable[[pytest.FixtureRequest], list[Vector]]] = {
    "the published hashes of at most 10000 rounds": lambda _: [each for each in PUBLISHED if rounds(each) <= 10000],
    "the published hashes of more than 10000 rounds": lambda _: [each for each in PUBLISHED if rounds(each) > 10000],
    "hashes that openssl made of random passwords": random_by_openssl,
    "hashes that Dovecot made of random passwords": random_by_dovecot,
}


@when(parsers.re(f"users have (?P<kind>{'|'.join(VECTORS)})"), target_fixture="vectors")
def users_have(request: pytest.FixtureRequest, kind: str) -> list[Vector]:
    """Passwords with their hashes; there is at least one."""
    vectors: list[Vector] = VECTORS[kind](request)
    assert vectors, "there is no hash to check"
    return vectors


def known(mailadmin: Session, alice: str, tries: Sequence[tuple[Vector, str]]) -> list[bool]:
    """Whether the database takes each password for that of a user who has the hash of the vector beside it."""
    pairs = [((STORE, (SCHEME + vector.expected, alice)), (VERIFY, (alice, password))) for vector, password in tries]
    _, *answers = mailadmin.each([("SET LOCAL statement_timeout = 0", ()), *(each for pair in pairs for each in pair)])
    assert all(stored.count == 1 for stored in answers[::2]), f"{alice} is not there"
    return [verified.rows[0][0] is True for verified in answers[1::2]]


@then(parsers.re("verify_password knows their passwords(?P<exclusive> and no others)?"))
def knows_passwords(mailadmin: Session, alice: str, vectors: list[Vector], exclusive: str | None) -> None:
    """Each of them; no others means none with one character more."""
    right = known(mailadmin, alice, [(vector, vector.password) for vector in vectors])
    wrong = [vector for vector, accepted in zip(vectors, right, strict=True) if not accepted]
    assert not wrong, f"verify_password refuses the right password of {len(wrong)} of {len(vectors)}, first: {wrong[0]}"
    if exclusive:
        taken = known(mailadmin, alice, [(vector, f"{vector.password}.") for vector in vectors])
        wrong = [vector for vector, accepted in zip(vectors, taken, strict=True) if accepted]
        assert not wrong, (
            f"verify_password takes a wrong password for {len(wrong)} of {len(vectors)}, first: {wrong[0]}"
        )


@then("Dovecot knows the hashes that the database makes of them, and no others")
def dovecot_knows(hub: Host, mailadmin: Session, vectors: list[Vector]) -> None:
    for vector in vectors:
        stored = mailadmin.value("SELECT hash_password(%s)", vector.password)
        answers = [
            hub.run("doveadm pw -t %s -p %s", stored, password).rc == 0
            for password in (vector.password, vector.password + ".")
        ]
        assert answers == [True, False], (
            f"Dovecot on the database's hash of {vector.password!r}: right, wrong {answers}"
        )


@dataclass(frozen=True)
class Refusals:
    """What the database answered, beside the error codes that it should have answered; empty if it refused nothing."""

    answers: list[str]
    expected: list[str]
    seconds: float


def expensive(mailadmin: Session, alice: str) -> tuple[list[str], list[str]]:
    """Two hashes that would be stored, and one that would be computed."""
    hashes = [f"{SCHEME}$6$rounds={number}$salt${DIGEST}" for number in (200001, 999999999)]
    answers = [mailadmin.error(STORE, text, alice) for text in hashes]
    return [*answers, mailadmin.error("SELECT hash_password('x', 200001)")], [CHECK_FAILED, CHECK_FAILED, BAD_VALUE]


def existing(mailadmin: Session, _: str) -> tuple[list[str], list[str]]:
    """With their own numbers, because a refused row would still use one up."""
    answers = [
        mailadmin.error(
            "INSERT INTO virtual_users (id, email, password) VALUES (-1, 'ALICE@TestDomain.LOCAL', %s)",
            f"{SCHEME}$6$salt${DIGEST}",
        ),
        mailadmin.error("INSERT INTO virtual_domains (id, name) VALUES (-1, 'TestDomain.LOCAL')"),
        mailadmin.error(
            "INSERT INTO virtual_aliases (id, source, destination)"
            " VALUES (-1, 'TEAM@testdomain.local', 'Bob@TESTDOMAIN.local')"
        ),
    ]
    return answers, [DUPLICATE] * len(answers)


def no_hashes(mailadmin: Session, alice: str) -> tuple[list[str], list[str]]:
    """Clear text, other schemes, a digest that is too short, nothing."""
    texts = (
        "cleartext of alice",
        "{PLAIN}cleartext of alice",
        "{SSHA512}Y2xlYXJ0ZXh0IG9mIGFsaWNl",
        "$1$salt$cleartextofalice",
        f"{SCHEME}$6$salt$cleartextofalice",
        "",
    )
    return [mailadmin.error(STORE, text, alice) for text in texts], [CHECK_FAILED] * len(texts)


STORED: Mapping[str, Callable[[Session, str], tuple[list[str], list[str]]]] = {
    "hashes with too many rounds": expensive,
    "users, domains and aliases that exist in other letters": existing,
    "passwords that are no SHA512-CRYPT hash": no_hashes,
}


@when(parsers.re(f"mailadmin stores (?P<what>{'|'.join(STORED)})"), target_fixture="refusals")
def mailadmin_stores(mailadmin: Session, alice: str, what: str) -> Refusals:
    started = time.monotonic()
    answers, expected = STORED[what](mailadmin, alice)
    return Refusals(answers, expected, time.monotonic() - started)


@then("every statement is refused")
def every_statement_is_refused(refusals: Refusals) -> None:
    codes = [answer[: len(code)] for answer, code in zip(refusals.answers, refusals.expected, strict=True)]
    assert codes == refusals.expected, f"the database answered mailadmin: {refusals.answers}"


@then("the refusals came before anything was computed")
def refused_quickly(refusals: Refusals) -> None:
    """Computing the hashes would take far longer."""
    assert refusals.seconds < AT_ONCE, f"the database took {refusals.seconds:.1f} s to refuse"


@then("no refusal repeats a password")
def refused_silently(refusals: Refusals) -> None:
    assert "cleartext" not in "".join(refusals.answers), f"a refusal repeats the password: {refusals.answers}"


@when("dovecot looks up the hashes of all users", target_fixture="stored")
def look_up_hashes(dovecot: Session) -> list[tuple[str, str, str]]:
    """User, hash, and the type of the column."""
    return dovecot.rows("SELECT email, password, pg_typeof(password)::text FROM user_mailbox_info")


@then("each is a text that begins with {SHA512-CRYPT}")
def begins_with_scheme(stored: list[tuple[str, str, str]]) -> None:
    wrong = [user for user, hashed, kind in stored if kind != "text" or not hashed.startswith(f"{SCHEME}$6$")]
    assert stored, "there is no user"
    assert not wrong, f"hashes without their scheme, or of another type: {wrong}"


@when(
    "sogo stores hashes with the scheme in small letters, and without",
    target_fixture="spellings",
)
def store_spellings(sogo: Session, alice: str) -> dict[str, str]:
    """What is stored then, by what was sent; the digests differ."""
    bob = alice.replace("alice", "bob")
    hashed = {user: crypt3(user, "$6$rounds=1000$salt") for user in (alice, bob)}
    sent = {alice: SCHEME.lower() + hashed[alice], bob: hashed[bob]}
    for user, text in sent.items():
        assert sogo.change(SOGO_UPDATE % (text, user)) == 1, f"sogo changed no row of {user}"
    there = dict(sogo.rows(HASHES))
    return {SCHEME + hashed[user]: there[user] for user in sent}


@then("they are there with their scheme")
def scheme_is_there(spellings: dict[str, str]) -> None:
    wrong = [there for expected, there in spellings.items() if there != expected]
    assert not wrong, f"stored as: {wrong}"


@given("Postfix and Dovecot on the hub with the connection files of the host", target_fixture="clients")
def real_clients(installed_clients: Clients) -> Clients:
    """In memory, readable by root alone, and gone when the scenario ends."""
    return installed_clients


@then("Postfix finds")
def postfix_finds(clients: Clients, datatable: Table) -> None:
    """One process for each map; several answers in any order."""
    wanted: dict[str, dict[str, set[str]]] = {}
    for table, key, answer in datatable[1:]:
        wanted.setdefault(table, {})[key] = set() if answer == "nothing" else set(answer.split(", "))
    for table, answers in wanted.items():
        found = {key: set(value.split(",")) for key, value in clients.postfix(table, list(answers)).items()}
        expected = {key: values for key, values in answers.items() if values}
        assert found == expected, f"Postfix's map {table} answers {found}, not {expected}"


@dataclass(frozen=True)
class DovecotAnswers:
    """Whether it takes the right password, a wrong one and an empty one; a mailbox; and all users."""

    logins: list[bool]
    mailbox: Mapping[str, str]
    users: list[str]


@when("Dovecot runs and is asked about the test users", target_fixture="told")
def ask_dovecot(clients: Clients, alice: str, test_password: str) -> DovecotAnswers:
    """One start of Dovecot answers all questions."""
    with clients.dovecot():
        logins = [clients.authenticates(alice, password) for password in (test_password, "wrong", "")]
        return DovecotAnswers(logins, clients.user(alice), clients.users())


@then("it takes the right password, and neither a wrong nor an empty one")
def takes_the_right_one(told: DovecotAnswers) -> None:
    assert told.logins == [True, False, False], f"Dovecot on the right, a wrong, an empty password: {told.logins}"


@then("it finds the mailbox of alice")
def finds_mailbox(told: DovecotAnswers, target: Target) -> None:
    home = f"{target.text('mail_store')}/testdomain.local/alice"
    assert told.mailbox.get("home") == home, f"Dovecot's answer about alice: {told.mailbox}"


@then("it lists every user of the database")
def lists_users(told: DovecotAnswers, dovecot: Session) -> None:
    """Else every command for all users fails: expunging, quotas, backups."""
    expected = sorted(name for (name,) in dovecot.rows("SELECT email FROM user_mailbox_info"))
    assert sorted(told.users) == expected, f"Dovecot lists {told.users}, the database has {expected}"


@when("sogo changes the password of alice as SOGo does", target_fixture="change")
def sogo_changes(sogo: Session, alice: str) -> tuple[int, dict[str, str], dict[str, str]]:
    """Rows changed, and all hashes before and after."""
    before = dict(sogo.rows(HASHES))
    changed = sogo.change(SOGO_UPDATE % (crypt3(NEW_PASSWORD, "$6$12345678$"), alice))
    return changed, before, dict(sogo.rows(HASHES))


@then("one row was changed, and alice has the new password and bob the old one")
def one_row(change: tuple[int, dict[str, str], dict[str, str]], alice: str) -> None:
    rows, before, after = change
    expected = before | {alice: SCHEME + crypt3(NEW_PASSWORD, "$6$12345678$")}
    assert rows == 1, f"SOGo's statement changed {rows} rows"
    assert after == expected, "after SOGo's statement other hashes are stored than before and the new one of alice"


@when("sogo changes the password of alice as SOGo does, for good")
def sogo_changes_for_good(database: MailDatabase, alice: str) -> None:
    with database.session("sogo", keep=True) as session:
        changed = session.change(SOGO_UPDATE % (crypt3(NEW_PASSWORD, "$6$12345678$"), alice))
    assert changed == 1, f"SOGo's statement changed {changed} rows"


@then("Dovecot takes the new password of alice and no longer the old one")
def dovecot_takes_new(clients: Clients, alice: str, test_password: str) -> None:
    with clients.dovecot():
        found = [clients.authenticates(alice, password) for password in (NEW_PASSWORD, test_password)]
    assert found == [True, False], f"Dovecot on the new and the old password: {found}"


def password_files(target: Target) -> list[str]:
    """Files of lines NAME=PASSWORD on the host."""
    test_users = [target.text("database_test_users_file")] if target.variables["mail_test_data"] else []
    return [target.text("database_service_users_file"), *test_users]


@when(
    "the files with passwords of services and test users are looked up",
    target_fixture="open_files",
)
def look_up_files(mail: Host, target: Target) -> list[str]:
    """Those that someone but root could read, the folder of connection files included."""
    paths = [*password_files(target), target.text("database_connection_folder")]
    found: list[str] = mail.call(secret_files.open_to_others, paths)
    return found


@then("each belongs to root and is closed to everyone else")
def closed_to_others(open_files: list[str]) -> None:
    assert not open_files, f"on mail, passwords are open to others: {', '.join(open_files)}"


@then("no process has one of these passwords in its arguments or environment")
def not_in_processes(mail: Host, target: Target) -> None:
    found = [process for path in password_files(target) for process in mail.call(secret_files.in_processes, path)]
    assert not found, f"processes on mail that hold a password: {', '.join(found)}"


@given("a person gave postfix the hashes, took dovecot's view away and set another password for sogo")
def meddle(mail: Host, target: Target) -> None:
    as_superuser(
        mail,
        target,
        "GRANT SELECT (email, password) ON virtual_users TO postfix;"
        " REVOKE ALL ON user_mailbox_info FROM dovecot;"
        " ALTER ROLE sogo PASSWORD 'meddled with';",
    )


@when("the schema is applied", target_fixture="applied")
def apply_schema(mail: Host, target: Target) -> CommandResult:
    return mail.run(script(target, "apply_schema.sh"), timeout=120)


@then("it says that it changed something, and each service logs in and has its rights again")
def rights_are_back(applied: CommandResult, database: MailDatabase) -> None:
    assert (applied.rc, applied.stdout.splitlines()[-1:]) == (0, ["changed"]), f"apply_schema.sh on mail: {applied}"
    database.forget()
    with database.session("postfix") as postfix, database.session("dovecot") as dovecot, database.session("sogo"):
        refusal = postfix.error("SELECT password FROM virtual_users")
        assert refusal.startswith(NO_RIGHT), f"postfix still reads hashes: {refusal or 'it ran'}"
        dovecot.rows("SELECT FROM user_mailbox_info")


@then("the schema, applied again, changes nothing")
def second_time(mail: Host, target: Target) -> None:
    """In its own words, which compare a digest of everything."""
    again = apply_schema(mail, target)
    assert (again.rc, again.stdout.splitlines()[-1:]) == (0, ["unchanged"]), f"apply_schema.sh once more: {again}"


@given("the function verify_password is gone and postfix has another password")
def break_database(mail: Host, target: Target) -> None:
    as_superuser(mail, target, "DROP FUNCTION verify_password; ALTER ROLE postfix PASSWORD 'another';")


@then("every line of the check is in order")
def in_order(ran: CommandResult) -> None:
    lines = ran.stdout.splitlines()
    assert ran.rc == 0, f"verify_database.sh on mail: {ran}"
    assert lines, "verify_database.sh prints nothing"
    assert all(line.startswith("ok: ") for line in lines), f"verify_database.sh says:\n{ran.stdout}"


@then("it names both and ends with status 1")
def names_both(ran: CommandResult) -> None:
    """And what was left alone is in order."""
    for sentence in ("NOT: the function verify_password is there", "NOT: postfix logs in", "ok: sogo logs in"):
        assert sentence in ran.stdout, f"verify_database.sh does not say {sentence!r}: {ran}"
    assert ran.rc == 1, f"verify_database.sh on mail: {ran}"


@when(
    "a password is checked in the database, and hashed by openssl on the same host",
    target_fixture="times",
)
def measure_cost(mail: Host, dovecot: Session, alice: str, test_password: str, evidence: Recorder) -> float:
    """How many times as long as openssl's the middle one of some checks took."""
    openssl = mail.call(load.openssl_seconds, TIMES)
    rows = [dovecot.rows(cost.timed(alice, test_password))[0] for _ in range(TIMES)]
    times = sorted(cost.times_openssl(rows, openssl))[TIMES // 2]
    evidence.note(f"verify_password() took {times:.1f} times as long as `openssl passwd -6`, the median of {TIMES}")
    return times


@then("the check took at most 50 times as long")
def cheap_enough(times: float) -> None:
    assert times <= cost.MOST, f"verify_password() took {times:.1f} times as long as openssl passwd -6"
