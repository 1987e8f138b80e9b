"""Queries of the mail database from many clients in parallel, and the cost of hashing; runs on a machine in the VPN."""

import random
import subprocess
import sys
import threading
import time
from typing import Any, TypedDict

LIBRARY = "/usr/lib/python3/dist-packages"  # where Debian keeps it, outside a bare interpreter's search path
CONNECT = 60  # seconds until all clients must be logged in


class Client(TypedDict):
    """One client: settings of libpq, and the statements that it sends, one at a time, in any order."""

    settings: dict[str, str]
    statements: list[str]


class Tally(TypedDict):
    """How long each look-up took, from the statement to its last row, and what went wrong."""

    microseconds: list[int]
    errors: list[str]


def look_up(clients: list[Client], seconds: float) -> Tally:
    """Have every client send statements for some seconds, each as soon as the one before is answered.

    All of them log in first; from then on time counts.
    """
    tally = Tally(microseconds=[], errors=[])
    ready = threading.Barrier(len(clients))
    threads = [threading.Thread(target=_work, args=(client, seconds, ready, tally)) for client in clients]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return tally


def answers(settings: dict[str, str], statement: str, times: int) -> list[list[Any]]:
    """The first row that a statement answers with, several times over one login."""
    connection = _connect(settings)
    try:
        return [list(_first(connection, statement)) for _ in range(times)]
    finally:
        connection.close()


def refusals(logins: list[dict[str, str]]) -> list[str]:
    """Why each login is refused, empty if it is not; all are tried at the same time."""
    said = [""] * len(logins)

    def knock(number: int) -> None:
        try:
            _connect(logins[number]).close()
        except Exception as error:  # of a library that is there only
            said[number] = _words(error)

    threads = [threading.Thread(target=knock, args=(number,)) for number in range(len(logins))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return said


def openssl_seconds(times: int) -> list[float]:
    """How long `openssl passwd -6` takes on this machine, with the start of its process."""
    taken = []
    for _ in range(times):
        started = time.monotonic()
        subprocess.run(
            ["openssl", "passwd", "-6", "-salt", "abcdefgh", "-stdin"],
            input=b"x\n",
            stdout=subprocess.DEVNULL,
            check=True,
        )
        taken.append(time.monotonic() - started)
    return taken


def _work(client: Client, seconds: float, ready: threading.Barrier, tally: Tally) -> None:
    dice = random.Random(client["settings"]["user"])  # noqa: S311
    try:
        connection = _connect(client["settings"])
    except Exception as error:  # of a library that is there only
        tally["errors"].append(_words(error))
        ready.abort()  # no one must wait for this one
        return
    try:
        ready.wait(CONNECT)
        end = time.monotonic() + seconds
        while (started := time.monotonic()) < end:
            _first(connection, dice.choice(client["statements"]))
            tally["microseconds"].append(int((time.monotonic() - started) * 1e6))
        connection.close()
    except Exception as error:
        tally["errors"].append(_words(error))


def _words(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".strip()


def _connect(settings: dict[str, str]) -> Any:  # noqa: ANN401 - of a library that is there only
    if LIBRARY not in sys.path:
        sys.path.append(LIBRARY)
    import psycopg2  # noqa: PLC0415

    connection = psycopg2.connect(**settings)
    connection.autocommit = True
    return connection


def _first(connection: Any, statement: str) -> Any:  # noqa: ANN401
    with connection.cursor() as cursor:
        cursor.execute(statement)
        rows = cursor.fetchall()
    return rows[0] if rows else ()
