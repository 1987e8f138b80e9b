"""Jobs of cron that are at work; runs on the host."""

from pathlib import Path

HANDS_OVER = "/usr/sbin/CRON"  # what cron calls itself while it waits for a job


def at_work(proc: Path = Path("/proc")) -> list[str]:
    """The commands of the jobs that run just now."""
    waiting: set[str] = set()
    commands: dict[str, tuple[str, str]] = {}
    for folder in proc.glob("[0-9]*"):
        try:
            command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
            parent = (folder / "stat").read_text().rpartition(")")[2].split()[1]
        except OSError:  # ended in the meantime
            continue
        if command.startswith(HANDS_OVER):
            waiting.add(folder.name)
        commands[folder.name] = (parent, command)
    return sorted(command for parent, command in commands.values() if parent in waiting and command)
