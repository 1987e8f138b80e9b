import hashlib
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.waiting import wait_until
from proof.probes import backups


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """One backup, begun ten minutes ago."""
    made = tmp_path / time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(time.time() - 600))
    (made / "base").mkdir(parents=True)
    lines = []
    for name in backups.EXPECTED:
        (made / name).write_text(name)
        lines.append(f"{hashlib.sha256(name.encode()).hexdigest()}  {name}\n")
    (made / "MANIFEST.sha256").write_text("".join(lines))
    (made / "base" / "backup_label").write_text(
        "START WAL LOCATION: 0/2000028 (file 000000010000000000000002)\nCHECKPOINT LOCATION: 0/2000080\n"
    )
    return tmp_path


def backup(folder: Path) -> Path:
    return next(path for path in folder.iterdir() if path.name[0] != ".")


def test_a_whole_backup_has_nothing_broken_and_an_age(folder: Path) -> None:
    (found,) = backups.look(str(folder))["backups"]
    assert (found["name"], found["broken"]) == (backup(folder).name, [])
    assert 599 < found["age"] < 660


@pytest.mark.parametrize("timezone", ["America/Chicago", "Asia/Tokyo"])
def test_the_age_does_not_depend_on_the_hosts_time_zone(
    folder: Path, timezone: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", timezone)
    time.tzset()
    try:
        (found,) = backups.look(str(folder))["backups"]
    finally:
        monkeypatch.undo()
        time.tzset()
    assert 599 < found["age"] < 660


def test_a_file_that_is_cut_missing_or_not_summed_is_broken(folder: Path) -> None:
    made = backup(folder)
    os.truncate(made / "mail.dump", 3)
    (made / "counts").unlink()
    sums = (made / "MANIFEST.sha256").read_text().splitlines(keepends=True)
    (made / "MANIFEST.sha256").write_text("".join(line for line in sums if "globals" not in line))
    (found,) = backups.look(str(folder))["backups"]
    assert found["broken"] == ["mail.dump", "counts", "globals.sql"]
    (made / "MANIFEST.sha256").unlink()
    assert backups.look(str(folder))["backups"][0]["broken"] == ["MANIFEST.sha256"]


def test_what_others_can_use_is_named(folder: Path) -> None:
    for path in [folder, *folder.rglob("*")]:
        path.chmod(path.stat().st_mode & 0o770)
    (folder / ".incomplete-1").mkdir(mode=0o700)
    (folder / ".incomplete-1" / "base").mkdir(mode=0o755)
    assert backups.look(str(folder))["exposed"] == []
    (backup(folder) / "globals.sql").chmod(0o644)
    found = backups.look(str(folder))
    assert found["exposed"] == [str(backup(folder) / "globals.sql")]
    assert found["others"] == [".incomplete-1"]


def test_what_goes_while_it_is_looked_at_is_no_fault(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / ".removed-1").mkdir(mode=0o700)
    listed = Path.iterdir

    def list_and_lose(path: Path) -> Iterator[Path]:
        found = list(listed(path))
        if path == folder:
            (folder / ".removed-1").rmdir()
        return iter(found)

    monkeypatch.setattr(Path, "iterdir", list_and_lose)
    assert backups.look(str(folder))["others"] == [".removed-1"]


def test_segments_are_wal_and_nothing_else(folder: Path, tmp_path: Path) -> None:
    for name in ("000000010000000000000003", "000000010000000000000002", "00000002.history", "archtemp.x"):
        (tmp_path / name).touch()
    assert backups.segments(str(tmp_path)) == ["000000010000000000000002", "000000010000000000000003"]
    name = next(path.name for path in folder.iterdir() if path.is_dir())
    assert backups.first_segment(str(folder), name) == "000000010000000000000002"


def test_a_running_program_is_found_by_its_name() -> None:
    own = Path("/proc/self/comm").read_text().strip()
    assert os.getpid() in backups.processes(own)
    assert backups.processes("no-such-program") == []


def test_a_process_is_halted_as_soon_as_it_is_there(tmp_path: Path) -> None:
    program = tmp_path / f"nap{os.getpid()}"
    shutil.copy("/usr/bin/sleep", program)
    with subprocess.Popen([program, "60"]) as napping:
        assert backups.halt(program.name, 10) == [napping.pid]
        state = Path(f"/proc/{napping.pid}/stat")
        wait_until(lambda: state.read_text().rpartition(")")[2].split()[0] == "T", "the process to halt", 5)
        napping.kill()
    assert backups.halt(program.name, 0.1) == []
