"""The whole host beside the reference: whatever is more, less or other must be explained."""

import re
import time
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest
from pytest_bdd import given, parsers, scenarios, then, when
from testinfra.host import Host

from proof.database.login import Logins
from proof.deployment import sources
from proof.evidence.recorder import Recorder
from proof.gherkin.case import Case
from proof.hosts import target as targets
from proof.hosts.target import Target
from proof.probes import origin, room
from proof.probes.room import Room
from proof.whole_host import declarations, exceptions, looks, reference
from proof.whole_host.comparison import Difference, HostSnapshot, differences, tree
from proof.whole_host.declarations import Declaration
from proof.whole_host.reference import Reference
from steps import whole_host

scenarios("../features/whole_host.feature")

COMPARED = r'the "(?P<section>.+)" of the host (is|are) compared with the reference'
WHOLE = "the whole host is compared with the reference"
LONGEST_TRANSACTION = 3600  # seconds
WAL_KEPT = 1 << 30  # bytes that a slot may keep
OLD = 1_000_000_000  # transactions
KEPT = """
SELECT concat('replication slot ', slot_name, ', which keeps ', pg_current_wal_lsn() - restart_lsn, ' bytes of WAL')
FROM pg_replication_slots WHERE NOT active OR pg_current_wal_lsn() - restart_lsn > %(wal)s
UNION ALL SELECT concat('prepared transaction ', gid, ' of ', prepared) FROM pg_prepared_xacts
UNION ALL SELECT concat('session ', pid, ' of ', usename, ', in a transaction since ', xact_start)
FROM pg_stat_activity WHERE xact_start < now() - %(longest)s::interval AND backend_type = 'client backend'
"""
NEAR_ITS_END = 0.9
COUNTING = """
SELECT concat(n.nspname, '.', t.relname, '.', a.attname), pg_sequence_last_value(s.seqrelid) / least(s.seqmax,
    CASE a.atttypid WHEN 'int2'::regtype THEN 32767 WHEN 'int4'::regtype THEN 2147483647 ELSE s.seqmax END)::float
FROM pg_sequence AS s JOIN pg_depend AS d ON d.classid = 'pg_class'::regclass AND d.objid = s.seqrelid
    AND d.refclassid = 'pg_class'::regclass AND d.deptype IN ('a', 'i')
JOIN pg_attribute AS a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
JOIN pg_class AS t ON t.oid = d.refobjid JOIN pg_namespace AS n ON n.oid = t.relnamespace
"""
SHOWN = 25  # findings in a message; the evidence has all


@pytest.fixture(scope="session")
def seen_once(mail: Host, target: Target, chosen_cases: list[Case]) -> HostSnapshot:
    """The sections that calm scenarios of this run compare, looked at in one go, which is quicker."""
    steps = [step.text for case in chosen_cases if not case.scenario.disruptive for step in case.scenario.steps]
    named = {found["section"] for text in steps if (found := re.fullmatch(COMPARED, text))}
    taken = whole_host.look(mail, target, *([] if WHOLE in steps else sorted(named)))
    before = looks.read(target.name)
    changed = looks.changes(before.taken, taken) if before else []
    files = [one.name for one in changed if one.section == "files" and one.after][: looks.ASKED]
    origins = mail.call(origin.of, files) if files else {}
    begin = datetime.fromisoformat(before.at).timestamp() if before else 0.0
    looks.keep(target.name, taken, origins, mail.call(origin.since, begin) if changed else "")
    return taken


@pytest.fixture(scope="session")
def declared(target: Target) -> list[Declaration]:
    """What the operator declared as additions, in the copy of the inventory if a sabotage made one."""
    copy = sources.copy()
    return declarations.read(targets.load(target.name, copy) if copy else target)


@given("the reference of this provisioning", target_fixture="expected_host")
def has_reference(evidence: Recorder) -> Reference:
    """Taken in the lab, from the last layer of the same provisioning."""
    found = reference.read_newest()
    if found is None:
        pytest.skip("no reference of this provisioning is there; lab up makes one")
    evidence.note(f"the reference is of the lab after task {found.task}")
    return found


@when(parsers.re(COMPARED), target_fixture="found")
def compare_section(expected_host: Reference, seen_once: HostSnapshot, section: str) -> list[Difference]:
    """Returns all differences, declared ones among them."""
    return compared({section: seen_once[section]}, expected_host)


@when(WHOLE, target_fixture="found")
def compare_all(expected_host: Reference, seen_once: HostSnapshot) -> list[Difference]:
    """Every section."""
    return compared(seen_once, expected_host)


@when("the whole host as it was found then is compared with the reference", target_fixture="found")
def compare_after_reboot(looks_after_reboot: list[HostSnapshot], expected_host: Reference) -> list[Difference]:
    """Once everything had started."""
    return compared(looks_after_reboot[0], expected_host)


def compared(now: HostSnapshot, expected: Reference) -> list[Difference]:
    """The differences that nothing but a declaration can explain, in the sections that were looked at."""
    before = {section: expected.taken.get(section, {}) for section in now}
    return differences(before, now, exceptions.merged(exceptions.TIME, exceptions.USE))


@then("every difference is explained")
def must_be_explained(
    found: list[Difference], declared: list[Declaration], mail: Host, target: Target, evidence: Recorder
) -> None:
    """By a package in whatever version, by use, or by the operator's declaration; else when it came about is told."""
    for one in declared:
        if any(one.explains(difference) for difference in found):
            evidence.note(f"declared by the operator: {one}")
    today = datetime.now(UTC).date()
    left = declarations.unexplained(found, declared, today)
    if not left:
        return
    evidence.command(
        target.name, "every unexplained difference", exit_status=None, stdout=tree(left), stderr="", seconds=0
    )
    paths = [one.name for one in left if one.section == "files"][:SHOWN]
    known: dict[str, str] = mail.call(origin.of, paths) if paths else {}
    told = [f"{one}" + (f"\n    {known[one.name]}" if one.name in known else "") for one in left[:SHOWN]]
    if len(left) > SHOWN:
        told.append(f"... and {len(left) - SHOWN} more")
    lines = "\n".join(declarations.lines(left[:SHOWN], today))
    raise AssertionError(
        f"{target.name} is not the host that the provisioning makes; unexplained on mail: {len(left)}\n"
        + "\n".join(told)
        + f"\nIf it is meant, declare it in {target.source}:\n{lines}"
    )


@then(
    parsers.parse("every file system of the host has at least {percent:d} percent of its space and of its inodes left")
)
def has_room(mail: Host, percent: int, evidence: Recorder) -> None:
    """A full disk stops the database and loses mail."""
    found: list[Room] = mail.call(room.left)
    evidence.note(f"room left: {found}")
    short = [one for one in found if min(one["space"], one["inodes"]) < percent]
    assert not short, f"file systems of mail with less than {percent} % left: {short}"


@then("no replication slot, no prepared transaction and no session keeps what the database would like to remove")
def nothing_kept(superuser: psycopg.Connection[Any]) -> None:
    """Each keeps WAL or old rows until the disk is full."""
    kept = superuser.execute(KEPT, {"longest": f"{LONGEST_TRANSACTION} seconds", "wal": WAL_KEPT}).fetchall()
    assert not kept, f"mail's database has to keep WAL or old rows for: {[told for (told,) in kept]}"


@then("no table is near the age at which the database stops")
def far_from_wraparound(superuser: psycopg.Connection[Any]) -> None:
    """At 2 billion transactions; autovacuum starts at 200 million."""
    old = superuser.execute("SELECT datname, age(datfrozenxid) FROM pg_database WHERE age(datfrozenxid) > %s", [OLD])
    found = old.fetchall()
    assert not found, f"databases of mail that were not vacuumed for too many transactions: {found}"


@then("no column that counts up is near its end")
def numbers_left(logins: Logins, mail: Host, target: Target, superuser_password: str, evidence: Recorder) -> None:
    """Of its sequence, or of the column's type; then no row can be added."""
    database = logins.as_superuser(mail, superuser_password, target.text("postgres_database"))
    used = database.execute(COUNTING).fetchall()
    evidence.note(f"{len(used)} columns count up")
    near = [f"{name}: {part:.0%} used" for name, part in used if part is not None and part > NEAR_ITS_END]
    assert used, "no column of mail's database counts up: this looked at the wrong one"
    assert not near, f"mail's database can soon add no more rows to: {near}"


@then(parsers.parse("no account of the host expires within {days:d} days, nor does its password"))
def no_account_ends(mail: Host, days: int) -> None:
    """An administrator who cannot log in any more notices too late."""
    ending: list[str] = mail.call(room.ending, days)
    assert not ending, f"accounts of mail that end within {days} days: {ending}"


@then(parsers.parse("the host's clock differs from another one by at most {seconds:d} seconds"))
def clock_is_right(
    mail: Host, target: Target, seconds: int, evidence: Recorder, request: pytest.FixtureRequest
) -> None:
    """This machine's; a lab's clocks stand still together while its state is stored, so there the hub's."""
    hub: Host | None = request.getfixturevalue("hub") if target.resettable else None
    asked = other_clock(hub)
    theirs: float = mail.call(room.clock)
    ahead = theirs - (asked + other_clock(hub)) / 2
    evidence.note(f"mail's clock is ahead of that of {'hub' if hub else 'this machine'} by {ahead:.1f} s")
    assert abs(ahead) <= seconds, (
        f"mail's clock is ahead of that of {'hub' if hub else 'this machine'} by {ahead:.1f} s"
    )


def other_clock(hub: Host | None) -> float:
    """Seconds since 1970 by the clock to compare with."""
    return float(hub.call(room.clock)) if hub else time.time()


@then("each declared addition of the inventory explains a difference, and its day has not passed")
def none_idle(found: list[Difference], declared: list[Declaration], target: Target, evidence: Recorder) -> None:
    """So that declarations do not outlive what they were made for."""
    evidence.note(f"the inventory of {target.name} declares {len(declared)} additions")
    wrong = declarations.idle(found, declared, datetime.now(UTC).date())
    assert not wrong, f"{target.source} declares what is not so: " + "; ".join(wrong)
