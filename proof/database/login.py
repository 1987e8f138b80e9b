"""Logins to the database from any place: psycopg runs here, the connection starts there."""

import time
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from proof.clients.tunnel import Tunnel
from proof.evidence.recorder import Recorder
from proof.hosts.target import Target

if TYPE_CHECKING:
    from proof.transport.host import Host

CONNECT_SECONDS = 20  # an emulated host takes its time
FIRST_DATABASE = "postgres"  # is there as soon as the server is
PASSWORD_NAME = "POSTGRES_PASSWORD"  # noqa: S105 - of the line that holds it


class Logins:
    """Logs in at one server, seen from several places; one tunnel a place, every statement is evidence.

    Args:
        target: its server.
        recorder: told of logins and statements.
    """

    def __init__(self, target: Target, recorder: Recorder) -> None:
        self._address = target.text("vpn_address")
        self._port = target.number("postgres_port")
        self._superuser = target.text("postgres_superuser")
        self._recorder = recorder
        self._tunnels: dict[str, Tunnel] = {}
        self._open: list[psycopg.Connection[Any]] = []

    def connect(
        self, place: "Host", role: str, password: str | None, database: str, **settings: str
    ) -> psycopg.Connection[Any]:
        """A new connection that commits every statement, by SCRAM and nothing else.

        Raises:
            psycopg.OperationalError: the server refused it, or no one took the connection.
            Unreachable: the place does not answer.
        """
        started = time.monotonic()
        tunnel = self._tunnel(place)
        wanted: dict[str, str | int] = {
            "host": str(tunnel.path.parent),
            "port": self._port,
            "user": role,
            # An empty password is none, and keeps the runner's own settings out.
            "password": password or "",
            "passfile": str(tunnel.path.with_name("none")),
            "require_auth": "scram-sha-256",
            "dbname": database,
            "connect_timeout": CONNECT_SECONDS,
            "application_name": "proof",
            **settings,
        }
        outcome, why = "connected", ""
        try:
            made = psycopg.connect(make_conninfo("", **wanted), autocommit=True)
        except psycopg.OperationalError as error:
            outcome, why = "refused", str(tunnel.failure or error)
            if tunnel.failure is not None:
                raise psycopg.OperationalError(why) from error
            raise
        finally:
            self._tell(str(place), f"log in as {role} to {database}", outcome, why, started)
        made.cursor_factory = self._watched(str(place), role)
        self._open.append(made)
        return made

    def as_superuser(
        self, place: "Host", password: str | None, database: str = FIRST_DATABASE
    ) -> psycopg.Connection[Any]:
        """The same with every right."""
        return self.connect(place, self._superuser, password, database)

    def end(self) -> None:
        """Close the connections; the tunnels stay for further ones."""
        while self._open:
            self._open.pop().close()

    def close(self) -> None:
        """Close everything."""
        self.end()
        for tunnel in self._tunnels.values():
            tunnel.close()

    def _tunnel(self, place: "Host") -> Tunnel:
        name = str(place)
        if name not in self._tunnels:
            self._tunnels[name] = Tunnel(place, self._address, self._port, name=socket_name(self._port))
        return self._tunnels[name]

    def _watched(self, place: str, role: str) -> type[psycopg.Cursor[Any]]:
        tell = self._tell

        class Watched(psycopg.Cursor[Any]):
            def execute(self, query: Any, params: Any = None, **options: Any) -> Any:  # noqa: ANN401 - as psycopg's
                started = time.monotonic()
                outcome, why = "", ""
                try:
                    super().execute(query, params, **options)
                    outcome = self.statusmessage or ""
                except psycopg.Error as error:
                    why = f"{error.sqlstate} {error}"
                    raise
                finally:
                    tell(f"{place}, database as {role}", text_of(query, self), outcome, why, started)
                return self

        return Watched

    def _tell(self, place: str, what: str, outcome: str, why: str, started: float) -> None:
        spent = time.monotonic() - started
        self._recorder.command(place, what, exit_status=None, stdout=outcome, stderr=why, seconds=spent)


def password_file(target: Target) -> str:
    """The first of the two files that hold the superuser's password, in a line PASSWORD_NAME=..."""
    return f"{target.text('postgres_home')}/.env"


def socket_name(port: int) -> str:
    """What libpq calls the socket of a port in the folder that it is told as host."""
    return f".s.PGSQL.{port}"


def text_of(query: object, cursor: psycopg.Cursor[Any]) -> str:
    """A statement as text; its parameters are left out, because they may be secrets."""
    if isinstance(query, sql.Composable):
        return query.as_string(cursor)
    return query.decode(errors="replace") if isinstance(query, bytes) else str(query)
