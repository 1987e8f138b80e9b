"""The cost of checking a password in the database, relative to `openssl passwd -6` on the same machine."""

import statistics
from collections.abc import Sequence

MOST = 50  # times as much as openssl
# Times are the server's own, in seconds; the functions are called from left to right.
TIMED = """
    SELECT extract(epoch FROM clock_timestamp())::float8,
           verify_password('{address}', '{password}'),
           extract(epoch FROM clock_timestamp())::float8
"""


def timed(address: str, password: str) -> str:
    """The statement that measures one check; neither may hold a quote."""
    return TIMED.format(address=address, password=password)


def times_openssl(rows: Sequence[Sequence[float]], openssl: Sequence[float]) -> list[float]:
    """How many times as long as a typical openssl each check took.

    Args:
        rows: what `timed` answered.
        openssl: seconds of each run of openssl.
    """
    typical = statistics.median(openssl)
    return [(after - before) / typical for before, _, after in rows]
