"""The mail database under load from the hub, and the cost of checking a password; in the lab, with real logins."""

import statistics
from collections.abc import Iterator, Sequence
from contextlib import closing

from proof.bench.metrics import Figure
from proof.database import cost, lookups
from proof.hosts.connections import HUB, MAIL, connection_spec
from proof.hosts.target import Target
from proof.probes import load, secret_files
from proof.probes.load import Client, Tally
from proof.transport.host import Host, connect

CLIENTS = 32
SECONDS = 30.0
ADDRESSES = tuple(f"{name}@testdomain.local" for name in ("alice", "bob", "carol", "team", "nobody"))
CHECKS = 7


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least this share of all values (0 to 1) does not exceed."""
    ordered = sorted(values)
    return ordered[max(0, -int(-len(ordered) * share // 1) - 1)]


def figures_of(tally: Tally) -> Iterator[Figure]:
    """Errors of a load; median and 99th percentile of what was answered."""
    milliseconds = [microseconds / 1000 for microseconds in tally["microseconds"]]
    about = f"{CLIENTS} clients, {SECONDS:g} s of Postfix's and Dovecot's look-ups"
    yield Figure("load.errors", f"{about}: errors", len(tally["errors"]), [len(tally["errors"])], 0)
    if milliseconds:
        median, slowest = statistics.median(milliseconds), percentile(milliseconds, 0.99)
        yield Figure("load.median_ms", f"{about}: median, ms", median, [median])
        yield Figure("load.p99_ms", f"{about}: 99th percentile, ms", slowest, [slowest])
        yield Figure("load.lookups", f"{about}: look-ups", len(milliseconds), [len(milliseconds)])


def measure(target: Target) -> Iterator[Figure]:
    """Every figure of the mail database; the lab is running and provisioned."""
    with closing(connect(connection_spec(target, MAIL))) as mail, closing(connect(connection_spec(target, HUB))) as hub:
        yield from _load(mail, hub, target)
        yield _cost(mail, hub, target)


def _load(mail: Host, hub: Host, target: Target) -> Iterator[Figure]:
    files = mail.call(secret_files.contents, target.text("database_connection_folder"))
    statements = {
        "postfix": lookups.postfix(files, ADDRESSES),
        "dovecot": lookups.dovecot(files, ADDRESSES),
    }
    clients = [
        Client(settings=settings, statements=statements[settings["user"]])
        for settings in (_login(mail, target, "postfix"), _login(mail, target, "dovecot"))
        for _ in range(CLIENTS // 2)
    ]
    yield from figures_of(hub.call(load.look_up, clients, SECONDS, timeout=SECONDS + 2 * load.CONNECT))


def _cost(mail: Host, hub: Host, target: Target) -> Figure:
    password = mail.call(secret_files.pairs, target.text("database_test_users_file"))["password"]
    openssl = mail.call(load.openssl_seconds, CHECKS)
    rows = hub.call(load.answers, _login(mail, target, "dovecot"), cost.timed(ADDRESSES[0], password), CHECKS)
    times = cost.times_openssl(rows, openssl)
    title = "verify_password(): times as long as openssl passwd -6"
    return Figure("ratio.verify_password", title, statistics.median(times), times, cost.MOST)


def _login(mail: Host, target: Target, role: str) -> dict[str, str]:
    passwords = mail.call(secret_files.pairs, target.text("database_service_users_file"))
    return {
        "host": target.text("vpn_address"),
        "port": target.text("postgres_port"),
        "dbname": target.text("postgres_database"),
        "user": role,
        "password": passwords[role],
    }
