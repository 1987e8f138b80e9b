"""Print the programs that hold a lock of apt or dpkg, a line each; exit status 1 if there are any."""

import sys
from pathlib import Path

LOCKS = ("/var/lib/dpkg/lock-frontend", "/var/lib/dpkg/lock", "/var/lib/apt/lists/lock", "/var/cache/apt/archives/lock")


def holders(table: str, locks: "tuple[str, ...]" = LOCKS) -> "list[str]":
    """Who holds one of these files, by the text of /proc/locks: number:type:mode:kind:pid:major:minor:inode:range."""
    inodes = {str(Path(path).stat().st_ino): path for path in locks if Path(path).exists()}
    found = []
    for line in table.splitlines():
        fields = line.split()
        inode = fields[5].rpartition(":")[2] if len(fields) > 5 and fields[1] != "->" else ""
        if inode in inodes:
            found.append(f"{_command(fields[4])} (process {fields[4]}) holds {inodes[inode]}")
    return found


def _command(pid: str) -> str:
    try:
        return Path("/proc", pid, "comm").read_text().strip()
    except OSError:
        return "a program"


if __name__ == "__main__":
    found = holders(Path("/proc/locks").read_text())
    print(*found, sep="\n")
    sys.exit(1 if found else 0)
