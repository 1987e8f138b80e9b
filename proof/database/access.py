"""The mail database as its services see it: their own logins over the VPN, in transactions that are rolled back."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg.conninfo import make_conninfo

from proof.evidence.recorder import Recorder

CONNECT_SECONDS = "15"


class Session:
    """A service that is logged in; every statement and what came of it is evidence."""

    def __init__(self, role: str, connection: psycopg.Connection, recorder: Recorder) -> None:
        self.role = role
        self.connection = connection
        self._recorder = recorder

    def rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """What a query answers. Raises AssertionError."""
        return self._done(query, values).rows

    def value(self, query: str, *values: object) -> Any:  # noqa: ANN401 - of whatever type the column is
        """The first column of the only row. Raises AssertionError."""
        rows = self.rows(query, *values)
        assert len(rows) == 1, f"the mail database has {len(rows)} rows for {self.role}, not one ({query})"
        return rows[0][0]

    def change(self, statement: str, *values: object) -> int:
        """How many rows a statement changed. Raises AssertionError."""
        return self._done(statement, values).count

    def each(self, statements: Sequence[tuple[str, tuple[object, ...]]]) -> list["Answer"]:
        """What statements answer, one after the other, sent without waiting in between. Raises AssertionError."""
        started = time.monotonic()
        try:
            with self.connection.pipeline():
                cursors = [self.connection.execute(text.encode(), values or None) for text, values in statements]
            answers = [_answer(cursor) for cursor in cursors]
        except psycopg.Error as refused:
            shown = "; ".join(text for text, _ in statements)
            self._record(shown, (), Answer([], 0, _words(refused)), started)
            raise AssertionError(f"the mail database tells {self.role}: {_words(refused)} ({shown})") from refused
        for (text, values), answer in zip(statements, answers, strict=True):
            self._record(text, values, answer, started)
        return answers

    def error(self, statement: str, *values: object) -> str:
        """SQLSTATE and words of the refusal, empty if it ran; either way it is undone."""
        with self.connection.transaction(force_rollback=True):
            return self._run(statement, values).error

    def _done(self, statement: str, values: tuple[object, ...]) -> "Answer":
        answer = self._run(statement, values)
        assert not answer.error, f"the mail database tells {self.role}: {answer.error} ({statement})"
        return answer

    def _run(self, statement: str, values: tuple[object, ...]) -> "Answer":
        started = time.monotonic()
        try:
            answer = _answer(self.connection.execute(statement.encode(), values or None))
        except psycopg.Error as refused:
            answer = Answer([], 0, _words(refused))
        self._record(statement, values, answer, started)
        return answer

    def _record(self, statement: str, values: tuple[object, ...], answer: "Answer", started: float) -> None:
        self._recorder.command(
            f"database, as {self.role}",
            f"{statement} {list(values)}" if values else statement,
            exit_status=None,
            stdout="\n".join(map(repr, answer.rows)) or f"{answer.count} rows",
            stderr=answer.error,
            seconds=time.monotonic() - started,
        )


@dataclass(frozen=True)
class Answer:
    """Rows of a query, how many rows a statement touched, and its refusal, empty if it ran."""

    rows: list[tuple[Any, ...]]
    count: int
    error: str


def _answer(cursor: psycopg.Cursor[tuple[Any, ...]]) -> Answer:
    return Answer(cursor.fetchall() if cursor.description else [], cursor.rowcount, "")


def _words(refused: psycopg.Error) -> str:
    """SQLSTATE and all that the server says, but for the piece of the statement, which could cut a password in two."""
    told = refused.diag
    said = (told.message_primary, told.message_detail, told.message_hint, told.context)
    return " ".join(word for word in (refused.sqlstate, *said) if word) or str(refused)


class MailDatabase:
    """The mail database of the host under test. Logins are kept for the run and made again if they broke.

    Args:
        conninfo: where the server answers, as settings of libpq without a user.
        passwords: tells the services' passwords; asked again after `forget`.
        recorder: where the evidence goes.
    """

    def __init__(self, conninfo: str, passwords: Callable[[], Mapping[str, str]], recorder: Recorder) -> None:
        self._conninfo = conninfo
        self._ask_passwords = passwords
        self._recorder = recorder
        self._passwords: Mapping[str, str] | None = None
        self._logins: dict[str, psycopg.Connection] = {}

    def forget(self) -> None:
        """Close all logins: whatever comes next has to log in again."""
        for connection in self._logins.values():
            with suppress(psycopg.Error):
                connection.close()
        self._logins.clear()
        self._passwords = None

    @contextmanager
    def session(self, role: str, *, keep: bool = False) -> Iterator[Session]:
        """A service's login with a transaction around it, undone at the end unless it is to be kept.

        Raises:
            AssertionError: the login was refused.
        """
        connection = self._login(role)
        with connection.transaction(force_rollback=not keep):
            yield Session(role, connection, self._recorder)

    def refusal(self, role: str, **settings: str) -> str:
        """Why a new login with other settings of libpq is refused, empty if it is not; nothing stays open."""
        try:
            self._connect(role, **settings).close()
        except psycopg.OperationalError as refused:
            return str(refused).strip()
        return ""

    def whoami(self, user: str, password: str, dbname: str) -> tuple[str, str, str]:
        """User, database and address of the client as the server sees a new login, which ends at once.

        Raises:
            AssertionError: the login was refused.
        """
        try:
            with self._connect(user, password=password, dbname=dbname) as connection:
                row = connection.execute("SELECT current_user, current_database(), host(inet_client_addr())").fetchone()
        except psycopg.Error as refused:
            raise AssertionError(f"{user} cannot log in to {dbname} over the VPN: {refused}") from refused
        assert row, "the server does not know who is logged in"
        return str(row[0]), str(row[1]), str(row[2])

    def _login(self, role: str) -> psycopg.Connection:
        known = self._logins.get(role)
        if known is None or not _alive(known):
            try:
                self._logins[role] = self._connect(role)
            except psycopg.OperationalError as refused:
                raise AssertionError(f"{role} cannot log in to the mail database over the VPN: {refused}") from refused
        return self._logins[role]

    def _connect(self, role: str, **settings: str) -> psycopg.Connection:
        if self._passwords is None:
            self._passwords = self._ask_passwords()
        given = {"user": role, "password": self._passwords.get(role, ""), "require_auth": "scram-sha-256", **settings}
        started = time.monotonic()
        error = ""
        try:
            return psycopg.connect(
                make_conninfo(self._conninfo, connect_timeout=CONNECT_SECONDS, **given), autocommit=True
            )
        except psycopg.OperationalError as refused:
            error = str(refused)
            raise
        finally:
            shown = {name: value for name, value in given.items() if name != "password"}
            self._recorder.command(
                "VPN client",
                f"log in to PostgreSQL with {shown}",
                exit_status=None,
                stdout="" if error else "logged in",
                stderr=error,
                seconds=time.monotonic() - started,
            )


def _alive(connection: psycopg.Connection) -> bool:
    try:
        connection.execute("SELECT 1")
    except psycopg.Error:
        return False
    return True
