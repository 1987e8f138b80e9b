from pathlib import Path

from proof.probes import cron


def process(proc: Path, number: int, parent: int, command: str) -> None:
    folder = proc / str(number)
    folder.mkdir()
    (folder / "cmdline").write_bytes(command.replace(" ", "\0").encode() + b"\0")
    (folder / "stat").write_text(f"{number} (a) b) S {parent} 1 1")


def test_jobs_are_what_cron_waits_for(tmp_path: Path) -> None:
    process(tmp_path, 100, 1, "/usr/sbin/cron -f")
    assert cron.at_work(tmp_path) == []
    process(tmp_path, 200, 100, "/usr/sbin/CRON -f")
    process(tmp_path, 201, 200, "/bin/sh -c backup_database.sh")
    process(tmp_path, 202, 201, "bash backup_database.sh")
    process(tmp_path, 300, 1, "bash backup_database.sh")
    (tmp_path / "400").mkdir()
    assert cron.at_work(tmp_path) == ["/bin/sh -c backup_database.sh"]
