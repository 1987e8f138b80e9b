"""The scripts for backups against a real cluster: what they promise, and what they say when it cannot be kept."""

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from lab.waiting import wait_until
from tests.provision.backups.conftest import ACCOUNT, Server, drill, kill

GRANTS = """
SELECT 'relation', relname, relowner::regrole, relacl FROM pg_class WHERE relnamespace = 'public'::regnamespace
UNION ALL SELECT 'column', attrelid::regclass || attname, NULL, attacl
  FROM pg_attribute WHERE attacl IS NOT NULL AND attrelid >= 16384
UNION ALL SELECT 'function', proname, proowner::regrole, proacl FROM pg_proc WHERE pronamespace = 'public'::regnamespace
UNION ALL SELECT 'database', datname, NULL, datacl FROM pg_database WHERE datname = 'mail'
UNION ALL SELECT 'role', concat_ws(' ', rolname, rolsuper, rolcanlogin, rolpassword, setconfig), NULL, NULL
  FROM pg_authid AS a LEFT JOIN pg_db_role_setting ON setrole = a.oid WHERE rolname !~ '^pg_'
ORDER BY 1, 2
"""
ROLES = "postfix, dovecot, sogo, mailadmin, mail_owner"


def age(server: Server, backup: str, days: int) -> str:
    """Let a backup be some days older; returns its new name."""
    day = subprocess.check_output(["date", "--utc", f"--date={backup[:8]} {days} days ago", "+%Y%m%d"], text=True)
    older = day.strip() + backup[8:]
    (server.backups / backup).rename(server.backups / older)
    return older


def wal(server: Server) -> list[str]:
    """Archived segments."""
    return sorted(path.name for path in server.archive.iterdir() if len(path.name) == 24)


def truncate(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def test_a_backup_is_verified_by_restoring_it(server: Server) -> None:
    server.domain("one.example")
    name = server.backup()
    said = server.done("verify_backups.sh")
    record = (server.home / "backups_last_verified").read_text()
    assert record in said
    assert f"backup {name}\n" in record
    assert "public.virtual_domains 1\n" in record
    assert "roles dovecot,mailadmin,postfix,postgres,sogo" in record
    assert server.names() == [name]


def test_no_one_else_reads_a_backup(server: Server) -> None:
    folder = server.backups / server.backup()
    files = [folder, *folder.rglob("*")]
    assert not [path for path in files if path.stat().st_mode & 0o007 or path.stat().st_uid != 65534]
    assert "SCRAM-SHA-256" in (folder / "globals.sql").read_text()


def test_a_dump_restores_into_an_empty_cluster(server: Server) -> None:
    server.domain("one.example")
    before = server.sql(GRANTS)
    name = server.backup()
    server.sql(f"DROP DATABASE mail;\nDROP ROLE {ROLES};", "postgres")
    said = server.done("restore_database.sh", "dump", name)
    assert name in said
    assert server.domains() == ["one.example"]
    assert server.sql(GRANTS) == before
    assert server.sql("SELECT verify_password('nobody@one.example', 'x')") == "f"


def test_a_dump_replaces_a_live_database_after_the_word_is_typed(server: Server) -> None:
    server.domain("one.example")
    server.backup()
    server.domain("two.example")
    for typed in ("", "yes\n", "Mail\n"):
        assert "not confirmed" in server.refused("restore_database.sh", "dump", "newest", stdin=typed)
    assert server.domains() == ["one.example", "two.example"]
    server.done("restore_database.sh", "dump", "newest", stdin="mail\n")
    assert server.domains() == ["one.example"]
    assert server.sql("SELECT count(*) FROM pg_database WHERE datname LIKE 'mail%'") == "1"


def test_a_dump_that_cannot_be_applied_leaves_the_database_as_it_was(server: Server) -> None:
    server.backup()
    server.domain("later.example")
    (server.home / "scripts" / "apply_schema.sh").write_text("#!/bin/sh\nexit 1\n")
    assert "as it was before" in server.refused("restore_database.sh", "dump", "newest", stdin="mail\n")
    assert server.domains() == ["later.example"]
    assert server.sql("SELECT string_agg(datname, ' ') FROM pg_database WHERE datname LIKE 'mail%'") == "mail"


def test_the_drill_brings_back_the_moment_between_two_commits(server: Server) -> None:
    server.backup()
    done = server.bash(drill(server))
    assert done.returncode == 0, done
    assert done.stdout.splitlines()[-1] == "kept.example"
    assert server.domains() == ["kept.example"]
    assert server.sql("SELECT count(*) FROM pg_file_settings WHERE name LIKE 'recovery_target%'") == "0"
    assert sorted(path.name for path in server.folder.glob("data*")) == ["data"]
    server.archived()
    server.done("verify_backups.sh")  # along both timelines


def test_a_moment_on_an_older_timeline_is_reached_by_its_number(server: Server) -> None:
    name = server.backup()
    moments = []
    for domain in ("one.example", "two.example", "three.example"):
        server.domain(domain)
        moments.append(server.sql("SELECT clock_timestamp()"))
    server.done("restore_database.sh", "to-time", name, moments[0], stdin="mail\n")
    assert server.domains() == ["one.example"]
    server.domain("new.example")
    server.done("restore_database.sh", "to-time", name, moments[1], "1", stdin="mail\n")
    assert server.domains() == ["one.example", "two.example"]


def test_a_backup_that_does_not_lead_to_now_is_named(server: Server) -> None:
    old = server.backup()
    moment = server.sql("SELECT clock_timestamp()")
    server.domain("later.example")
    server.archived()
    lost = server.backup()
    server.done("restore_database.sh", "to-time", old, moment, stdin="mail\n")
    reason = server.refused("verify_backups.sh")
    assert f"the newest backup, {lost}, was made before a restore" in reason
    server.backup()
    server.done("verify_backups.sh")


def test_the_whole_cluster_returns_after_its_data_are_lost(server: Server) -> None:
    server.backup()
    server.domain("archived.example")
    server.archived()
    server.stop()
    for path in server.data.iterdir():
        subprocess.run(["rm", "-rf", path], check=True)
    server.done("restore_database.sh", "cluster", "newest")
    assert server.domains() == ["archived.example"]


@pytest.mark.parametrize("loss", [Path.unlink, truncate], ids=["gone", "truncated"])
def test_a_hole_in_the_wal_is_no_end_of_it(server: Server, loss: Callable[[Path], None]) -> None:
    name = server.backup()
    server.domain("before.example")
    server.archived()
    moment = server.sql("SELECT clock_timestamp()")
    hole = wal(server)[-1]
    server.domain("after.example")
    server.archived()
    server.stop()
    for path in server.data.iterdir():
        subprocess.run(["rm", "-rf", path], check=True)
    content = (server.archive / hole).read_bytes()
    loss(server.archive / hole)
    reason = server.refused("restore_database.sh", "cluster", "newest")
    assert f"of what follows backup {name} the archive lacks {hole}, or has it in part" in reason
    assert not any(server.data.iterdir())
    (server.archive / hole).write_bytes(content)
    shutil.chown(server.archive / hole, ACCOUNT, ACCOUNT)
    server.done("restore_database.sh", "to-time", name, moment)
    assert server.domains() == ["before.example"]


def test_a_commit_that_could_not_be_archived_survives_a_restore(server: Server) -> None:
    server.backup()
    server.archive.chmod(0o500)
    server.domain("unarchived.example")
    server.done("restore_database.sh", "cluster", "newest", stdin="mail\n")
    assert server.domains() == ["unarchived.example"]


def test_a_restore_that_fails_puts_the_old_data_back(server: Server) -> None:
    name = server.backup()
    server.domain("one.example")
    reason = server.refused("restore_database.sh", "to-time", name, "2099-01-01 00:00:00+00", stdin="mail\n")
    assert "recovery ended before configured recovery target was reached" in reason
    assert "as they were before" in reason
    server.bring_up()
    assert server.domains() == ["one.example"]
    assert sorted(path.name for path in server.folder.glob("data*")) == ["data"]


def test_a_cluster_is_not_replaced_without_the_word(server: Server) -> None:
    server.backup()
    server.domain("one.example")
    assert "not confirmed" in server.refused("restore_database.sh", "cluster", "newest", stdin="y\n")
    assert server.domains() == ["one.example"]


def truncated_dump(server: Server, name: str) -> str:
    truncate(server.backups / name / "mail.dump")
    return f"backup {name} is damaged. Truncated, changed or missing: mail.dump"


def truncated_dump_with_new_sums(server: Server, name: str) -> str:
    truncate(server.backups / name / "mail.dump")
    files = "mail.dump counts globals.sql base/backup_manifest"
    sums = subprocess.check_output(["sha256sum", *files.split()], cwd=server.backups / name, text=True)
    (server.backups / name / "MANIFEST.sha256").write_text(sums)
    return "the dump cannot be restored"


def damaged_base(server: Server, name: str) -> str:
    truncate(server.backups / name / "base" / "global" / "pg_control")
    return "the base backup is damaged"


def missing_wal(server: Server, _: str) -> str:
    server.archived()
    gone = wal(server)[-1]
    (server.archive / gone).unlink()
    server.domain("later.example")
    return f"the archive lacks {gone}"


def truncated_wal(server: Server, _: str) -> str:
    server.archived()
    damaged = wal(server)[-1]
    truncate(server.archive / damaged)
    server.domain("later.example")
    return f"the archive lacks {damaged}, or has it in part"


def stale(server: Server, name: str) -> str:
    return f"stale: the newest backup, {age(server, name, 2)}, is 48 hours old"


def failing_archiver(server: Server, _: str) -> str:
    server.archive.chmod(0o500)
    return "the archiver fails: WAL segment"


def stopped(server: Server, _: str) -> str:
    server.stop()
    return "the database does not answer"


def no_backup(server: Server, name: str) -> str:
    (server.backups / name).rename(server.backups / ".incomplete-1")
    return "there is no backup"


FAULTS = (
    truncated_dump,
    truncated_dump_with_new_sums,
    damaged_base,
    missing_wal,
    truncated_wal,
    stale,
    failing_archiver,
    stopped,
    no_backup,
)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_verification_names_the_fault(server: Server, fault: Callable[[Server, str], str]) -> None:
    reason = fault(server, server.backup())
    said = server.refused("verify_backups.sh")
    assert reason in said
    assert not (server.home / "backups_last_verified").exists()
    assert not list(server.backups.glob(".verify-*"))


def test_the_archiver_goes_on_after_a_crash_in_the_middle(server: Server) -> None:
    server.archived()
    last = wal(server)[-1]
    status = server.data / "pg_wal" / "archive_status"
    (status / f"{last}.done").rename(status / f"{last}.ready")  # copied, and the note of it lost
    (server.archive / "archtemp.something").touch()
    server.archived()
    assert (status / f"{last}.done").exists()


@pytest.mark.parametrize("program", ["psql", "sh"])
def test_a_crash_in_the_middle_of_a_backup_leaves_the_old_ones(server: Server, program: str) -> None:
    old = server.backup()
    held = server.folder / "engine" / "held"
    held.unlink(missing_ok=True)
    held.with_name("hold").write_text(program)
    running = server.start("backup_database.sh")
    wait_until(held.exists, f"the backup to come to {program}", 30)
    assert "another backup" in server.refused("backup_database.sh")
    kill(server, running)
    held.with_name("hold").unlink()
    left = server.names()
    assert [name for name in left if not name.startswith(".")] == [old]
    assert len(left) == 2
    new = server.backup()
    assert server.names() == [old, new]
    server.done("verify_backups.sh")


def test_a_backup_that_fails_leaves_nothing(server: Server) -> None:
    old = server.backup()
    server.sql("ALTER DATABASE mail RENAME TO elsewhere", "postgres")
    assert "No backup was made" in server.refused("backup_database.sh")
    assert server.names() == [old]


def test_too_little_space_is_said_before_anything_is_written(server: Server) -> None:
    df = server.folder / "bin" / "df"
    df.write_text("#!/bin/sh\necho Avail\necho 1048576\n")
    df.chmod(0o755)
    reason = server.refused("backup_database.sh")
    df.unlink()
    assert "too little space" in reason
    assert "1 MiB are free" in reason
    assert server.names() == []


def test_clean_up_keeps_a_week_and_the_wal_it_needs(server: Server) -> None:
    names = []
    for domain in ("one.example", "two.example", "three.example"):
        names.append(server.backup())
        server.domain(domain)
        server.archived()
    old, kept = age(server, names[0], 8), age(server, names[1], 6)
    before = wal(server)
    said = server.done("cleanup_old_backups.sh")
    assert f"Backup {old} is removed" in said
    assert server.names() == [kept, names[2]]
    label = (server.backups / kept / "base" / "backup_label").read_text()
    first = label.split("file ")[1].split(")")[0]
    assert wal(server) == [name for name in before if name >= first]
    assert wal(server) != before
    server.done("verify_backups.sh")


def test_clean_up_never_removes_the_last_good_backup(server: Server) -> None:
    good, damaged = age(server, server.backup(), 30), age(server, server.backup(), 20)
    server.archived()
    before = wal(server)
    truncate(server.backups / damaged / "base" / "PG_VERSION")
    server.done("cleanup_old_backups.sh")
    assert server.names() == [good, damaged]
    needed = (server.backups / good / "base" / "backup_label").read_text()
    assert all(name in wal(server) for name in before if name >= needed.split("file ")[1].split(")")[0])
    truncate(server.backups / good / "mail.dump")
    assert "no backup is whole" in server.refused("cleanup_old_backups.sh")
    assert server.names() == [good, damaged]


def test_clean_up_takes_no_wal_if_a_backup_does_not_record_what_it_needs(server: Server) -> None:
    names = []
    for domain in ("one.example", "two.example", "three.example"):
        names.append(server.backup())
        server.domain(domain)
        server.archived()
    before = wal(server)
    (server.backups / names[1] / "base" / "backup_label").write_text("nothing\n")
    assert f"backup {names[1]} does not record where its WAL begins" in server.refused("cleanup_old_backups.sh")
    assert wal(server) == before


def test_clean_up_calls_no_backup_damaged_because_the_server_is_down(server: Server) -> None:
    old, new = age(server, server.backup(), 30), server.backup()
    server.stop()
    done = server.script("cleanup_old_backups.sh")
    assert "damaged" not in done.stderr, done
    assert server.names() == [new], f"{old} is older than backups are kept"


def test_no_one_else_can_hold_the_lock(server: Server) -> None:
    lock = server.home / ".backups.lock"
    lock.touch(mode=0o644)
    server.backup()
    assert lock.stat().st_mode & 0o777 == 0o600


def test_clean_up_without_a_backup_removes_no_wal(server: Server) -> None:
    server.archived()
    before = wal(server)
    assert "no WAL was removed" in server.refused("cleanup_old_backups.sh")
    assert wal(server) == before


@pytest.mark.parametrize(
    "words",
    [
        "backup_database.sh now",
        "cleanup_old_backups.sh all",
        "verify_backups.sh newest",
        "restore_database.sh",
        "restore_database.sh everything newest",
        "restore_database.sh dump",
        "restore_database.sh cluster newest now",
        "restore_database.sh to-time newest",
        "restore_database.sh to-time newest yesterdayish",
        "restore_database.sh to-time newest 2026-01-12 latest",
    ],
)
def test_wrong_use_is_reported(installed: Server, words: str) -> None:
    done = installed.script(*words.split())
    assert done.returncode == 2, done
    assert "--help" in done.stderr


@pytest.mark.parametrize("script", ["backup_database", "cleanup_old_backups", "restore_database", "verify_backups"])
def test_help_reports_the_use(installed: Server, script: str) -> None:
    said = installed.done(f"{script}.sh", "--help")
    assert f"usage: {script}.sh" in said
    assert "set -euo" not in said


def test_a_backup_that_is_not_there_is_reported(server: Server) -> None:
    name = server.backup()
    assert f"there are: {name}" in server.refused("restore_database.sh", "dump", "20200101T000000Z", stdin="mail\n")
    reason = server.refused("restore_database.sh", "to-time", name, "2020-01-01 00:00:00+00", stdin="mail\n")
    assert "was begun after" in reason
