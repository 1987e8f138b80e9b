"""A snapshot of everything on the host in which a run could leave a trace; runs on the host.

It is handed to the host's python3 as text, out of band, so it needs the standard library alone.
"""

import base64
import fnmatch
import gzip
import hashlib
import json
import os
import re
import stat
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

LOCAL = {"btrfs", "ext2", "ext3", "ext4", "f2fs", "tmpfs", "vfat", "xfs"}
SETTLED_SECONDS = 10.0  # younger processes are checks that come and go
CHUNK = 1 << 20
DIGEST = 8  # bytes: enough to see a change
SHORT = 120
Section = dict[str, str]


def words(*argv: str, env: "dict[str, str] | None" = None) -> str:
    """What a command prints. Raises OSError with its own words."""
    done = subprocess.run(argv, capture_output=True, check=False, env={**os.environ, **(env or {})})
    if done.returncode != 0:
        raise OSError(f"{argv[:3]} ended with {done.returncode}: {done.stderr.decode(errors='replace').strip()}")
    return done.stdout.decode(errors="backslashreplace")


def digest(text: "str | bytes") -> str:
    """A hash of a text."""
    return hashlib.blake2b(text if isinstance(text, bytes) else text.encode(), digest_size=DIGEST).hexdigest()


def content(path: str) -> str:
    """A file's hash, read piece by piece."""
    found = hashlib.blake2b(digest_size=DIGEST)
    with Path(path).open("rb") as file:
        while piece := file.read(CHUNK):
            found.update(piece)
    return found.hexdigest()


def of_file(path: str, state: os.stat_result) -> str:
    """Mode, owners and content of a file; never its times."""
    told = f"{stat.filemode(state.st_mode)} {state.st_uid}:{state.st_gid}"
    if stat.S_ISREG(state.st_mode):
        return f"{told} {state.st_size} bytes {content(path)}"
    return f"{told} -> {Path(path).readlink()}" if stat.S_ISLNK(state.st_mode) else told


def files(start: str, left_out: "re.Pattern[str]") -> Section:
    """Every file of one file system that no pattern leaves out; none if it was unmounted since it was listed."""
    found: Section = {}
    device = None
    waiting = [start]
    while waiting:
        path = waiting.pop()
        if left_out.fullmatch(path):
            continue
        try:
            state = os.lstat(path)
            device = state.st_dev if device is None else device
            if state.st_dev != device:
                continue
            found[path] = of_file(path, state)
            if stat.S_ISDIR(state.st_mode):
                waiting += [entry.path for entry in os.scandir(path)]
        except FileNotFoundError:
            continue  # gone since it was listed
    return found


def file_systems(mountinfo: str) -> "list[str]":
    """Mount points of local file systems in the text of /proc/self/mountinfo, each file system once."""
    first: dict[str, str] = {}
    for line in mountinfo.splitlines():
        before, after = line.split(" - ", 1)
        device, root, point = before.split()[2:5]
        if after.split()[0] in LOCAL and root == "/":
            first.setdefault(device, point.encode().decode("unicode_escape"))
    return list(first.values())


def of_dump(text: str) -> Section:
    """The parts of a pg_dumpall: rows by table, values by sequence, and all definitions of a database as one."""
    found: Section = {}
    definitions: dict[str, list[str]] = {}
    rows: list[str] = []
    database, table = "cluster", ""
    for line in text.splitlines():
        if line.startswith("\\connect "):
            database = line.split()[-1]
        elif line.startswith("COPY ") and line.endswith(" FROM stdin;"):
            table, rows = line.split()[1], []
        elif table and line == "\\.":
            found[f"rows of {table} in {database}"] = f"{len(rows)} rows {digest(os.linesep.join(sorted(rows)))}"
            table = ""
        elif table:
            rows.append(line)
        elif sequence := re.match(r"SELECT pg_catalog\.setval\('([^']+)', (.+)\);", line):
            found[f"sequence {sequence[1]} in {database}"] = sequence[2]
        elif line and not line.startswith(("--", "\\restrict", "\\unrestrict")):
            definitions.setdefault(database, []).append(line)
    whole = {f"definitions of {name}": digest("\n".join(lines)) for name, lines in definitions.items()}
    return {**found, **whole}


def database(container: str, address: str, port: str, user: str, password_file: str) -> Section:
    """Roles, grants, definitions and rows of the whole cluster."""
    secret = next(
        line.partition("=")[2]
        for line in Path(password_file).read_text().splitlines()
        if line.startswith("POSTGRES_PASSWORD=")
    )
    dump = ("pg_dumpall", "--host", address, "--port", port, "--username", user, "--no-password")
    return of_dump(words("docker", "exec", "--env", "PGPASSWORD", container, *dump, env={"PGPASSWORD": secret}))


def told(value: object) -> str:
    """A value if it is short, else its hash; the engine keeps no order in its lists."""
    ordered = sorted(value, key=lambda part: json.dumps(part, sort_keys=True)) if isinstance(value, list) else value
    text = json.dumps(ordered, sort_keys=True)
    return text if len(text) <= SHORT else digest(text)


def containers() -> Section:
    """Containers with their states, images, volumes and networks; not what each health check said and when."""
    found: Section = {}
    names = words("docker", "ps", "--all", "--quiet", "--no-trunc").split()
    for each in json.loads(words("docker", "inspect", *names)) if names else []:
        health = each["State"].pop("Health", {}).get("Status", "none")
        each.pop("ExecIDs")  # of the health check that runs at this moment
        state = {f"state {name}": value for name, value in each.pop("State").items()}
        facts = {**each, **state, "health": health}
        found |= {f"{each['Name']} {name}": told(value) for name, value in facts.items()}
    for kind in ("image", "volume", "network"):
        for line in words("docker", kind, "ls", "--format", "{{json .}}").splitlines():
            known = {
                name: value for name, value in json.loads(line).items() if name not in ("CreatedSince", "Containers")
            }
            found[f"{kind} {known.get('ID', known.get('Name'))} {known.get('Tag', '')}".rstrip()] = told(known)
    return found


def units() -> Section:
    """What runs or failed, and what is switched on; jobs that end by themselves come and go."""
    shown = words("systemctl", "show", "*", "--property=Id,ActiveState,SubState,Type,RemainAfterExit")
    found: Section = {}
    for block in shown.split("\n\n"):
        facts = dict(line.split("=", 1) for line in block.splitlines() if "=" in line)
        passing = facts.get("Type") == "oneshot" and facts.get("RemainAfterExit") == "no"
        name, state = facts.get("Id", ""), facts.get("ActiveState", "inactive")
        if state == "failed" or (state != "inactive" and not passing and not name.endswith(".device")):
            found[name] = f"{state} {facts.get('SubState')}"
    for line in words("systemctl", "list-unit-files", "--no-legend", "--plain").splitlines():
        found[f"file {line.split()[0]}"] = line.split()[1]
    return found


def processes(now: float) -> Section:
    """Programs by user, those that have run for a while; a postgres process by its role alone."""
    found: Counter[str] = Counter()
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            said = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="backslashreplace").strip()
            started = float((folder / "stat").read_text().rpartition(")")[2].split()[19]) / os.sysconf("SC_CLK_TCK")
            user = (folder / "cmdline").stat().st_uid
        except (FileNotFoundError, ProcessLookupError):
            continue  # it ended in the meantime
        if said and now - started > SETTLED_SECONDS:
            found[f"{user} {' '.join(said.split()[:2]) if said.startswith('postgres: ') else said}"] += 1
    return {name: str(number) for name, number in found.items()}


def lines(*argv: str) -> Section:
    """Lines of a command, each with how often it is there."""
    return {line: str(number) for line, number in Counter(words(*argv).splitlines()).items()}


def accounts() -> Section:
    """Users and groups, as every program sees them."""
    return {f"{kind} {line}": "listed" for kind in ("passwd", "group") for line in lines("getent", kind)}


def network() -> Section:
    """Addresses, routes and whoever listens."""
    return {
        **lines("ip", "-oneline", "address"),
        **lines("ip", "route", "show", "table", "all"),
        **lines("ss", "--no-header", "--listening", "--tcp", "--udp", "--numeric"),
    }


def take(left_out: "list[str]", *server: str) -> "dict[str, Section]":
    """The snapshot: sections with names and values.

    Args:
        left_out: patterns of paths that are not looked at, with all below them.
        server: container, address, port, superuser and password file of the database.
    """
    pattern = re.compile("|".join(f"(?:{fnmatch.translate(each)})" for each in left_out) or "(?!)")
    starts = file_systems(Path("/proc/self/mountinfo").read_text())
    return {
        "files": {path: known for start in starts for path, known in files(start, pattern).items()},
        "accounts": accounts(),
        "firewall": lines("nft", "--stateless", "list", "ruleset"),
        "database": database(*server),
        "containers": containers(),
        "units": units(),
        "network": network(),
        "processes": processes(time.clock_gettime(time.CLOCK_BOOTTIME)),
    }


if __name__ == "__main__":
    whole = json.dumps(take(*json.loads(sys.argv[1])))
    sys.stdout.write(base64.b64encode(gzip.compress(whole.encode())).decode())
