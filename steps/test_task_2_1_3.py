"""2.1.3: backups, proved by restoring them."""

import re
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import PurePosixPath

import pytest
from pytest_bdd import given, parsers, scenarios, step, then, when
from testinfra.backend.base import CommandResult
from testinfra.host import Host

from lab.waiting import wait_until
from proof.evidence.recorder import Recorder
from proof.hosts.target import Target
from proof.probes import backups, wal
from proof.probes.backups import Folder

scenarios("../features/task_2.1.3.feature")

LONG = 300.0  # seconds that a script has
CRON_TABLE = "/etc/cron.d/mail-database-backups"
MONTH = 30 * 24
DAY = 86_400  # seconds
# Of a dump as text: a line for each table, with the number of its rows.
COUNT_ROWS = r"""awk '/^COPY / {table = $2; rows = 0; inside = 1; next}
/^\\\.$/ {if (inside) print table, rows; inside = 0}
inside {rows++}'"""
RECORD = re.compile(r"time (\d{4}-\d\d-\d\dT\S+Z)\nbackup \d{8}T\d{6}Z\n")
STATE = """
SELECT 'relation', relname, relowner::regrole, relacl FROM pg_class WHERE relnamespace = 'public'::regnamespace
UNION ALL SELECT 'column', attrelid::regclass || '.' || attname, NULL, attacl
  FROM pg_attribute WHERE attacl IS NOT NULL AND attrelid >= 16384
UNION ALL SELECT 'function', proname, proowner::regrole, proacl FROM pg_proc WHERE pronamespace = 'public'::regnamespace
UNION ALL SELECT 'database', datname, NULL, datacl FROM pg_database WHERE datname = current_database()
UNION ALL SELECT 'role', concat_ws(' ', rolname, rolsuper, rolcanlogin, setconfig), NULL, NULL
  FROM pg_roles LEFT JOIN pg_db_role_setting ON setrole = pg_roles.oid WHERE rolname !~ '^pg_'
UNION ALL SELECT 'rows', md5(string_agg(t::text, ' ' ORDER BY t::text)), NULL, NULL FROM virtual_users AS t
UNION ALL SELECT 'rows', md5(string_agg(t::text, ' ' ORDER BY t::text)), NULL, NULL FROM virtual_domains AS t
UNION ALL SELECT 'rows', md5(string_agg(t::text, ' ' ORDER BY t::text)), NULL, NULL FROM virtual_aliases AS t
ORDER BY 1, 2;
"""
LOSE_EVERYTHING = r"""
DROP DATABASE :database WITH (FORCE);
SELECT format('DROP ROLE %I', rolname) FROM pg_roles WHERE rolname !~ '^pg_' AND NOT rolsuper \gexec
"""
TRY_PASSWORDS = """
BEGIN;
SET ROLE mailadmin;
INSERT INTO virtual_domains (name) VALUES ('proof.invalid');
INSERT INTO virtual_users (email, display_name, password)
VALUES ('probe@proof.invalid', 'Probe', hash_password('right', 1000));
SET ROLE dovecot;
SELECT verify_password('probe@proof.invalid', 'right'), verify_password('probe@proof.invalid', 'wrong');
ROLLBACK;
"""
LOG_IN = """
while IFS== read -r name password; do
  PGPASSWORD=$password docker exec -i --env PGPASSWORD "$CONTAINER" \
    psql -X -A -t -h "$PG_HOST" -p "$PG_PORT" -U "$name" -d "$DATABASE" -c 'SELECT current_user' </dev/null
done </root/postgres_service_users.txt
"""


@dataclass(frozen=True)
class Database:
    """The host's database server, asked through the scripts on the host."""

    mail: Host
    target: Target

    def path(self, name: str) -> str:
        """A file below the folder of the container's settings."""
        return str(PurePosixPath(self.target.text("postgres_home")) / name)

    @property
    def folder(self) -> str:
        """The folder of backups."""
        return self.target.text("postgres_backups")

    @property
    def archive(self) -> str:
        """Where WAL is archived."""
        return self.target.text("postgres_wal_archive")

    def bash(self, script: str, stdin: str = "") -> CommandResult:
        """Run a script for bash that has the functions of common.sh."""
        source = f"set -euo pipefail\nsource {shlex.quote(self.path('scripts/common.sh'))}\n"
        return self.mail.run("bash -c %s", source + script, stdin=stdin, timeout=LONG)

    def sql(self, statements: str, database: str = "mail") -> str:
        """Run statements as the superuser; fields are separated by a bar."""
        name = self.target.text("postgres_database")
        psql = f"in_postgres psql -X -q -A -t -v ON_ERROR_STOP=1 -v database={name} -d"
        done = self.bash(f"{psql} {name if database == 'mail' else database}", stdin=statements)
        assert done.rc == 0, f"on mail, psql refuses: {done.stderr}"
        return str(done.stdout).strip()

    def script(self, name: str, *words: str, stdin: str = "") -> CommandResult:
        """Run one of the scripts for backups."""
        command = " ".join(["%s", *["%s"] * len(words)])
        return self.mail.run(command, self.path(f"scripts/{name}"), *words, stdin=stdin, timeout=LONG)

    def done(self, name: str, *words: str, stdin: str = "") -> None:
        """Run one of the scripts for backups, which must succeed."""
        done = self.script(name, *words, stdin=stdin)
        assert done.rc == 0, f"on mail, {name} {' '.join(words)}: {done}"

    def look(self) -> Folder:
        """The folder of backups."""
        found: Folder = self.mail.call(backups.look, self.folder)
        return found

    def names(self) -> list[str]:
        """Finished backups, oldest first."""
        return [backup["name"] for backup in self.look()["backups"]]

    def write(self, name: str) -> None:
        """Commit a domain."""
        self.sql(f"INSERT INTO virtual_domains (name) VALUES ('{name}');")  # noqa: S608 - a name of ours

    def has(self, name: str) -> bool:
        """Whether a domain is there."""
        return self.sql(f"SELECT count(*) FROM virtual_domains WHERE name = '{name}';") == "1"  # noqa: S608 - as above

    def end_segment(self) -> str:
        """End the WAL segment that is being written; returns its name."""
        return self.sql("SELECT pg_walfile_name(pg_switch_wal()) FROM pg_logical_emit_message(true, 'proof', '');")

    def archived(self, segment: str, seconds: float = 60.0) -> None:
        """Wait until a segment is in the archive."""
        file = self.mail.file(f"{self.archive}/{segment}")
        wait_until(lambda: file.exists, f"WAL segment {segment} to be in mail's archive", seconds)

    def rename(self, name: str, hours: int) -> str:
        """Let a backup be some hours older; returns its new name."""
        older = "cd %s && new=$(date --utc --date=%s +%%Y%%m%%dT%%H%%M%%SZ) && mv %s $new && echo $new"
        when_begun = f"{name[:8]} {name[9:11]}:{name[11:13]}:{name[13:15]} UTC {hours} hours ago"
        return str(self.mail.check_output(older, self.folder, when_begun, name)).strip()


def whole(folder: Folder) -> list[str]:
    """Names of the backups that are as they were written."""
    return [backup["name"] for backup in folder["backups"] if not backup["broken"]]


@pytest.fixture
def database(mail: Host, target: Target) -> Database:
    """The database server of the host under test."""
    return Database(mail, target)


@when("the folder of backups is looked at", target_fixture="folder")
def look_at_folder(database: Database) -> Folder:
    return database.look()


@then("the newest backup is whole and not older than a night and two hours")
def newest_is_whole(folder: Folder, target: Target, evidence: Recorder) -> None:
    """The tracker's age for a stale one."""
    assert folder["backups"], "there is no backup on mail"
    newest = folder["backups"][-1]
    assert newest["broken"] == [], f"the newest backup on mail is damaged: {newest}"
    evidence.measure("newest_backup_age_seconds", newest["age"])
    hours = newest["age"] / 3600
    assert hours < target.number("backup_stale_hours"), f"the newest backup on mail is {hours:.0f} hours old: {newest}"


@then("its copy of the cluster has every file as it was written, and every role")
def copy_is_whole(folder: Folder, database: Database, target: Target) -> None:
    """PostgreSQL's own check of the copy, and the roles that the services log in as."""
    name = folder["backups"][-1]["name"]
    done = database.bash(f'docker exec "$CONTAINER" pg_verifybackup --no-parse-wal /backups/{name}/base')
    assert done.rc == 0, f"the newest backup on mail has a damaged copy of the cluster: {done.stdout}{done.stderr}"
    services = target.variables["database_services"]
    assert isinstance(services, list)
    roles = database.mail.file(f"{database.folder}/{name}/globals.sql").content_string
    missing = [role for role in map(str, services) if f"CREATE ROLE {role};" not in roles]
    assert not missing, f"the newest backup on mail has no role {missing}"


@then("its dump has the rows that were counted when it was made")
def dump_is_whole(folder: Folder, database: Database) -> None:
    """Sums say that a dump is as it was written; a dump of the schema alone has right ones, too."""
    name = folder["backups"][-1]["name"]
    rows = f'docker exec "$CONTAINER" pg_restore --data-only --file=- /backups/{name}/mail.dump | {COUNT_ROWS}'
    counted = database.bash(rows)
    assert counted.rc == 0, f"the newest dump on mail cannot be read: {counted.stdout}{counted.stderr}"
    noted = database.mail.file(f"{database.folder}/{name}/counts").content_string
    found, wanted = sorted(counted.stdout.splitlines()), sorted(noted.splitlines())
    assert found == wanted, f"rows in the newest dump on mail: {found}; counted when it was made: {wanted}"


@then("neither it nor anything in it is open to others")
def nothing_is_open(folder: Folder) -> None:
    """No permission for others, on folders and files."""
    assert folder["backups"], "there is no backup on mail whose modes could be looked at"
    assert folder["exposed"] == [], f"on mail, others have rights on {folder['exposed'][:20]}"


@when("cron's table for the backups is read", target_fixture="table")
def read_table(mail: Host) -> list[list[str]]:
    """Its jobs: five fields of time, the account, the command."""
    lines = mail.file(CRON_TABLE).content_string.splitlines()
    return [line.split(None, 6) for line in lines if re.match(r"[\d*]", line)]


@then("cron accepts the table")
def cron_accepts(mail: Host) -> None:
    """Cron passes over a table whose last line has no end, that is not root's, or that others may write to."""
    table = mail.file(CRON_TABLE)
    assert table.content_string.endswith("\n"), f"the last line of {CRON_TABLE} on mail has no end: cron ignores it"
    seen = (table.user, table.mode & 0o022, table.is_symlink)
    assert seen == ("root", 0, False), f"owner, others' write bits and link of {CRON_TABLE} on mail: {seen}"


@then("the backup runs every night at 02:00, the clean-up at 03:00, and verification on Sundays at 04:00")
def all_jobs(table: list[list[str]]) -> None:
    """As root, and nothing else runs there."""
    jobs = [(" ".join(job[:6]), PurePosixPath(job[6].split()[-1]).name) for job in table]
    expected = [
        ("0 2 * * * root", "backup_database.sh"),
        ("0 3 * * * root", "cleanup_old_backups.sh"),
        ("0 4 * * 0 root", "verify_backups.sh"),
    ]
    assert jobs == expected, f"{CRON_TABLE} on mail has the jobs {table}"


@then("the host's clock shows universal time")
def clock_is_utc(mail: Host) -> None:
    """Cron uses local time, in which 02:00 can come twice a night or never."""
    zone = mail.check_output("date +%Z")
    assert zone == "UTC", f"mail's clock shows {zone}"


@given(parsers.parse("it is a few seconds before {hour} on the host"), target_fixture="known")
def nearly(mail: Host, database: Database, hour: str) -> list[str]:
    """Of the next day; cron is started again, so that it need not sleep out the minute it is in."""
    known = database.names()
    day = mail.check_output("date --utc --date=tomorrow +%F")
    mail.run_expect([0], "date --utc --set=%s", f"{day} {int(hour[:2]) - 1:02}:59:55")
    mail.run_expect([0], "systemctl restart cron")
    return known


@when("that hour has come", target_fixture="after")
def hour_has_come(database: Database, known: list[str]) -> Folder:
    """And its job has done something to the finished backups."""
    wait_until(lambda: database.names() != known, "cron's job to change mail's backups", 180)
    return database.look()


@then("cron has made a whole backup of that hour")
def cron_made_one(after: Folder, known: list[str]) -> None:
    """One, beside those that were there."""
    new = [name for name in whole(after) if name not in known]
    assert len(new) == 1, f"whole backups that are new on mail: {new}; all: {after}"
    assert new[0][9:13] == "0200", f"the new backup on mail is {new[0]}"


@given("a backup of last month lies beside a new one", target_fixture="old")
def month_old(mail: Host, database: Database) -> str:
    """A copy of the newest, under a name of last month."""
    newest = database.names()[-1]
    mail.run_expect([0], "cd %s && cp --archive %s .copy && mv %s .kept && mv .copy %s", database.folder, *[newest] * 3)
    old = database.rename(newest, MONTH)
    mail.run_expect([0], "cd %s && mv .kept %s", database.folder, newest)
    return old


@then("cron has removed the backup of last month and no other")
def cron_removed_one(after: Folder, known: list[str], old: str) -> None:
    assert whole(after) == [name for name in known if name != old], f"backups on mail after the clean-up: {after}"


@when("the server is asked how it archives", target_fixture="answers")
def ask_archiving(database: Database) -> list[str]:
    """Settings in force, and whether the last attempt failed."""
    return database.sql(
        "SELECT current_setting('archive_mode'), current_setting('wal_level'), setting::int,"
        " current_setting('archive_command') = '' OR current_setting('archive_library') = '',"
        " coalesce(last_failed_time > coalesce(last_archived_time, '-infinity'), false)"
        " FROM pg_settings, pg_stat_archiver WHERE name = 'archive_timeout';"
    ).split("|")


@then("it archives WAL after five minutes at the latest, in one way alone")
def archives(answers: list[str]) -> None:
    """A command beside a library makes the archiver give up before each try, and no failure is counted."""
    assert answers[:3] == ["on", "replica", "300"], f"archive_mode, wal_level, archive_timeout on mail: {answers[:3]}"
    assert answers[3] == "t", "mail's server has both archive_command and archive_library: it archives nothing"


@then("nothing is left that it failed to archive")
def no_failure(answers: list[str]) -> None:
    """A failure of the past that a success followed does not count."""
    assert answers[4] == "f", "the last attempt of mail's server to archive WAL failed"


@then("every archived segment is WAL from its first page to its end")
def archive_is_wal(mail: Host, database: Database, evidence: Recorder) -> None:
    """Name and size alone would not show that a recovery ends there."""
    seen, damaged = mail.call(wal.damaged, database.archive)
    evidence.note(f"{seen} segments of {database.archive} were looked at")
    assert seen, f"no WAL lies in {database.archive} on mail"
    assert not damaged, f"recovery would end at these segments in {database.archive} on mail: {damaged}"


@then("none is missing from the start of the oldest backup on")
def archive_is_whole(mail: Host, database: Database) -> None:
    """All of them are this cluster's, and none leads a recovery elsewhere."""
    oldest = f"{database.folder}/{database.names()[0]}/base/backup_label"
    start = mail.check_output("sed -n 's/^START WAL LOCATION: .* (file \\([0-9A-F]*\\))$/\\1/p' %s", oldest)
    numbers = "SELECT system_identifier, timeline_id FROM pg_control_system(), pg_control_checkpoint()"
    system, timeline = map(int, database.sql(numbers).split("|"))
    broken: list[str] = mail.call(wal.broken_chain, database.archive, start, system, timeline)
    assert not broken, f"no recovery gets from the oldest backup of mail to its newest WAL: {broken}"


@given("a segment lies in the archive whose note was lost in a crash")
def lost_note(mail: Host, database: Database, target: Target) -> None:
    """The archiver will meet its own copy."""
    segment = database.end_segment()
    database.archived(segment)
    status = f"{target.text('postgres_data')}/pg_wal/archive_status/{segment}"
    done = mail.file(f"{status}.done")
    wait_until(lambda: done.exists, f"{segment} to be noted as archived", 30)
    mail.run_expect([0], "mv %s %s", f"{status}.done", f"{status}.ready")


@when("more WAL is written", target_fixture="segment")
def more_wal(database: Database) -> str:
    return database.end_segment()


@then("the archive has that too")
def archive_has(database: Database, segment: str) -> None:
    """Although what is older comes first."""
    database.archived(segment)


@given("the cluster has lost the mail database and every role of it", target_fixture="before")
def lose_everything(database: Database) -> str:
    """What is left is what initdb makes."""
    before = database.sql(STATE)
    database.sql(LOSE_EVERYTHING, "postgres")
    return before


@when("the dump of the newest backup is restored")
def restore_dump(database: Database) -> None:
    """Nothing is there that could be overwritten, so nothing is asked."""
    database.done("restore_database.sh", "dump", "newest")


@then("rows, roles and rights are what they were")
def same_state(database: Database, before: str) -> None:
    """Owners and rights of relations, columns, functions and the database; roles with their settings."""
    now, then_ = database.sql(STATE).splitlines(), before.splitlines()
    lost, new = [line for line in then_ if line not in now], [line for line in now if line not in then_]
    assert not lost, f"the restore lost: {lost}"
    assert not new, f"the restore brought: {new}"


@then("the services log in with the passwords they have")
def services_log_in(database: Database) -> None:
    """Each with its password from the file on the host."""
    done = database.bash(LOG_IN)
    users = sorted(done.stdout.split())
    assert users == ["dovecot", "mailadmin", "postfix", "sogo"], f"who could log in on mail: {users}; {done.stderr}"


@then("the database tells a right password from a wrong one")
def passwords_work(database: Database) -> None:
    """Of a user that mailadmin makes and dovecot checks; nothing of it stays."""
    found = database.sql(TRY_PASSWORDS)
    assert found == "t|f", f"verify_password() on mail answers {found} to a right and a wrong password"


@given("the instructions on the host have a drill", target_fixture="drill")
def read_drill(mail: Host, database: Database) -> str:
    """The first block of commands under that heading."""
    text = mail.file(database.path("README_BACKUPS.md")).content_string
    found = re.search(r"^## Drill$.*?^```bash$(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    assert found, "README_BACKUPS.md on mail has no drill"
    return found.group(1)


@when("the drill is performed", target_fixture="performed")
def perform_drill(mail: Host, drill: str, evidence: Recorder) -> CommandResult:
    performed = mail.run("bash -euo pipefail -c %s", drill, timeout=LONG)
    evidence.note(f"the drill: {performed.stdout}")
    return performed


@then("the first commit is there and the second is not")
def first_not_second(performed: CommandResult) -> None:
    """What the drill itself shows last."""
    assert performed.rc == 0, f"the drill on mail: {performed}"
    assert performed.stdout.splitlines()[-1] == "kept.example", f"after the drill mail has: {performed.stdout}"
    assert "mistake.example" not in performed.stdout, f"the drill on mail: {performed.stdout}"


@then("new commits are taken and archived")
def goes_on(database: Database) -> None:
    database.write("afterwards.example")
    segment = database.end_segment()
    assert segment.startswith("00000002"), f"after a restore mail's server writes WAL segment {segment}"
    database.archived(segment)


@given("a commit has reached the archive")
def archived_commit(database: Database) -> None:
    """It is newer than every backup."""
    database.write("archived.example")
    database.archived(database.end_segment())


@given("the cluster's files are gone")
def files_are_gone(mail: Host, database: Database, target: Target) -> None:
    """With the server still running on them."""
    mail.run_expect([0], "docker kill %s", target.text("postgres_container"))
    mail.run_expect([0], "find %s -mindepth 1 -delete", target.text("postgres_data"))
    assert database.names(), "there is no backup on mail"


@when("the whole cluster of the newest backup is restored")
def restore_cluster(database: Database) -> None:
    """No cluster is there that could be overwritten, so nothing is asked."""
    database.done("restore_database.sh", "cluster", "newest")


@then("that commit is there")
def commit_is_there(database: Database) -> None:
    """It came from the archive alone."""
    assert database.has("archived.example"), "the commit that had reached mail's archive is lost"


@step("a row is written to the database")
def something_written(database: Database) -> None:
    database.write("written.example")


@when(parsers.parse("a restore of the {kind} is started and answered with yes"), target_fixture="refusal")
def ask_without_confirming(database: Database, kind: str) -> CommandResult:
    """Yes is not what was to be typed."""
    return database.script("restore_database.sh", kind, "newest", stdin="yes\n")


@then("the restore is refused because it was not confirmed")
def not_confirmed(refusal: CommandResult) -> None:
    assert refusal.rc == 1, f"on mail, a restore without confirmation: {refusal}"
    assert "not confirmed" in refusal.stderr, f"on mail, a restore without confirmation: {refusal}"


@then("the row is there")
def still_there(database: Database) -> None:
    """The server answers, and has it."""
    assert database.has("written.example"), "what was written on mail is gone"


@when("the backups are verified", target_fixture="verified")
def verify(database: Database) -> CommandResult:
    """With the script on the host."""
    return database.script("verify_backups.sh")


@then("verification succeeds and tells the rows that the live database has")
def verified_well(database: Database, verified: CommandResult) -> None:
    """Counted in the restored database and in the live one, which no one has written to since the backup."""
    assert verified.rc == 0, f"on mail, verify_backups.sh: {verified}"
    for table in ("virtual_domains", "virtual_users", "virtual_aliases"):
        rows = database.sql(f"SELECT count(*) FROM {table};")  # noqa: S608 - a name of ours
        assert f"public.{table} {rows}\n" in verified.stdout, f"{table} has {rows} rows on mail, but: {verified.stdout}"


@then("the last verification that succeeded was within the agreed number of days")
def verified_lately(mail: Host, database: Database, target: Target, evidence: Recorder) -> None:
    """By the host's clock; it leaves a record only where it succeeds."""
    record = mail.file(database.path("backups_last_verified"))
    assert record.exists, f"the backups on mail were never verified: there is no {record.path}"
    time = RECORD.match(record.content_string)
    assert time, f"the record on mail: {record.content_string}"
    seconds = int(mail.check_output("date +%s")) - datetime.fromisoformat(time[1]).timestamp()
    evidence.measure("backup_verification_age_seconds", seconds)
    days, allowed = seconds / DAY, target.number("backup_verified_days")
    assert 0 <= days <= allowed, f"the backups on mail were verified {days:.1f} days ago, and {allowed} are agreed"


@then("the record of the last verification tells the same")
def recorded(mail: Host, database: Database, verified: CommandResult) -> None:
    record = mail.file(database.path("backups_last_verified")).content_string
    assert RECORD.match(record), f"the record on mail: {record}"
    assert record in verified.stdout, f"the record on mail differs from the output: {record}"


@then("no container and no file of the trial is left")
def nothing_left(mail: Host, database: Database, target: Target) -> None:
    """Only the server's own container, and finished backups."""
    containers = mail.check_output("docker ps --all --format %s", "{{.Names}}").split()
    assert containers == [target.text("postgres_container")], f"containers on mail: {containers}"
    assert database.look()["others"] == [], f"beside backups, mail's folder has {database.look()['others']}"


def truncated_dump(database: Database) -> None:
    """Half of the newest."""
    dump = database.mail.file(f"{database.folder}/{database.names()[-1]}/mail.dump")
    database.mail.run_expect([0], "truncate --size=%s %s", str(dump.size // 2), dump.path)


def hole(database: Database) -> None:
    """A segment between the newest backup and now is missing."""
    segment = database.end_segment()
    database.archived(segment)
    database.archived(database.end_segment())
    database.mail.run_expect([0], "rm %s", f"{database.archive}/{segment}")


def two_days(database: Database) -> None:
    """All existing ones become older."""
    for name in database.names():
        database.rename(name, 48)


def useless_archive(database: Database) -> None:
    """A person has restored its folder as root."""
    database.mail.run_expect([0], "chown root:root %s && chmod 0755 %s", database.archive, database.archive)


FAULTS: Mapping[str, Callable[[Database], None]] = {
    "a truncated dump": truncated_dump,
    "a hole in the archived WAL": hole,
    "no new backup for two days": two_days,
    "an archive that the server cannot use": useless_archive,
}


@given(parsers.re(f"the backups have (?P<fault>{'|'.join(FAULTS)})"))
def backups_have(database: Database, fault: str) -> None:
    """One fault; everything else is good."""
    FAULTS[fault](database)


@then(parsers.parse('verification fails and says "{reason}"'))
def fails_and_says(verified: CommandResult, reason: str) -> None:
    """The reason, and what to do."""
    assert verified.rc == 1, f"on mail, verify_backups.sh: {verified}"
    assert reason in verified.stderr, f"on mail, verify_backups.sh names another reason: {verified.stderr}"


@given("a backup is killed while it copies the cluster", target_fixture="known")
def killed_backup(mail: Host, database: Database) -> list[str]:
    """The script and all that it started, without a warning."""
    known = whole(database.look())
    running = mail.start("%s", database.path("scripts/backup_database.sh"), timeout=LONG)
    halted = mail.call(backups.halt, "pg_basebackup", 60, timeout=90)
    assert halted, "on mail, the backup never came to copy the cluster"
    running.stop()
    assert running.result().rc == 137, f"on mail, the backup had ended before it was killed: {running.result()}"
    mail.run("pkill -KILL -x pg_basebackup")
    wait_until(lambda: not mail.call(backups.processes, "pg_basebackup"), "its last process to be gone", 30)
    return known


@then("the backups from before are whole, and the killed one does not count")
def old_ones_are_whole(database: Database, known: list[str]) -> None:
    """No finished backup has come or gone."""
    folder = database.look()
    assert known, "there was no whole backup on mail to begin with"
    assert database.names() == whole(folder) == known, f"backups on mail: {folder}; whole before: {known}"


@when("the next backup is made")
def next_backup(database: Database) -> None:
    database.done("backup_database.sh")


@then("it is whole and nothing of the killed one is left")
def new_one_is_whole(database: Database, known: list[str]) -> None:
    """One more than before, and no other name."""
    folder = database.look()
    assert whole(folder)[:-1] == known, f"backups on mail: {folder}; whole before: {known}"
    assert folder["others"] == [], f"beside backups, mail's folder has {folder['others']}"


@given("the archive's disk is full and the server fails to archive", target_fixture="known")
def full_archive(mail: Host, database: Database, target: Target) -> list[str]:
    """A separate disk, too small for one segment, in the place of the archive."""
    known = whole(database.look())
    options = f"size=8m,mode=0750,uid={target.text('postgres_uid')},gid={target.text('postgres_gid')}"
    mail.run_expect([0], "mount -t tmpfs -o %s archive %s", options, database.archive)
    restarted = database.bash('docker restart "$CONTAINER" && await_healthy 90')
    assert restarted.rc == 0, f"on mail, the container with a small archive: {restarted}"
    database.end_segment()
    failures = "SELECT failed_count FROM pg_stat_archiver WHERE last_failed_wal > coalesce(last_archived_wal, '');"
    wait_until(lambda: database.sql(failures, "postgres"), "mail's server to fail to archive", 60)
    return known


@when("backup and clean-up run as they do every night")
def nightly_jobs(database: Database) -> None:
    """They may fail; what they leave is looked at."""
    for name in ("backup_database.sh", "cleanup_old_backups.sh"):
        database.script(name)


@then("the backups from before are there, and all there are are whole")
def before_are_whole(database: Database, known: list[str]) -> None:
    folder = database.look()
    assert known, "there was no whole backup on mail to begin with"
    assert database.names() == whole(folder), f"damaged backups on mail: {folder}"
    assert whole(folder)[: len(known)] == known, f"backups on mail: {folder}; whole before: {known}"


@when("the archive's disk has room again", target_fixture="segment")
def room_again(mail: Host, database: Database) -> str:
    """The server is not notified; it tries the next segment."""
    mail.run_expect([0], "mount -o remount,size=256m %s", database.archive)
    return database.end_segment()


@then("the server archives what had to wait")
def caught_up(database: Database, segment: str) -> None:
    """In order, so the last one shows that all are there."""
    database.archived(segment, 120)


@given("the only whole backup is a month old and a damaged one is newer", target_fixture="good")
def good_and_damaged(mail: Host, database: Database) -> str:
    """The damaged one is a copy that lost a piece, and is old enough to go."""
    newest = database.names()[-1]
    mail.run_expect([0], "cd %s && cp --archive %s .copy", database.folder, newest)
    good = database.rename(newest, MONTH)
    mail.run_expect([0], "cd %s && mv .copy %s", database.folder, newest)
    damaged = database.rename(newest, MONTH // 2)
    mail.run_expect([0], "truncate --size=1 %s", f"{database.folder}/{damaged}/mail.dump")
    return good


@given("an old backup, a kept one, and WAL from before and after both", target_fixture="old")
def old_and_kept(database: Database) -> str:
    """The kept one is made now."""
    old = database.rename(database.names()[-1], MONTH)
    database.archived(database.end_segment())
    database.done("backup_database.sh")
    database.archived(database.end_segment())
    return old


@when("old backups are cleaned up")
def clean_up(database: Database) -> None:
    """With the script on the host."""
    database.done("cleanup_old_backups.sh")


@then("the whole one is still there")
def good_one_stays(database: Database, good: str) -> None:
    assert good in whole(database.look()), f"backups on mail after the clean-up: {database.look()}"


@then("the old one is gone")
def old_one_is_gone(database: Database, old: str) -> None:
    names = database.names()
    assert old not in names, f"backups on mail after the clean-up: {names}"
    assert len(names) == 1, f"backups on mail after the clean-up: {names}"


@then("the archive begins with the first segment that the kept one needs, without a hole")
def archive_begins(mail: Host, database: Database) -> None:
    first = mail.call(backups.first_segment, database.folder, database.names()[-1])
    found: list[str] = mail.call(backups.segments, database.archive)
    numbers = [int(name[8:16], 16) * 256 + int(name[16:], 16) for name in found]
    assert found[:1] == [first], f"mail's archive begins with {found[:1]}, the kept backup with {first}"
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers))), f"mail's archive has a hole: {found}"
