"""A stand-in for the command docker: containers are processes in mount namespaces of their own, with the same paths.

What the scripts for backups ask of the engine, no more: exec, start, stop, inspect, logs, run. Needs root. The file
engine.json in the folder that ENGINE names holds `root`, a Debian with PostgreSQL's programs; `user`, as UID:GID; and
`mounts`, path inside to path outside. The programs named in the folder's file `hold` wait for ever instead of running.
"""

import argparse
import json
import os
import shlex
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NoReturn

FOLDER = Path(os.environ["ENGINE"])
SETTINGS = json.loads((FOLDER / "engine.json").read_text())
PROGRAMS = "/usr/lib/postgresql/17/bin:/usr/bin:/bin"
DATA = "/var/lib/postgresql/data"
SERVER = ["postgres", "-c", "config_file=/etc/postgresql/postgresql.conf"]
PID, LOG = FOLDER / "pid", FOLDER / "log"


def inside(user: str, argv: Sequence[str], mounts: Mapping[str, str], environment: Mapping[str, str]) -> list[str]:
    """The command that runs a program as in a container; `mounts` are paths outside by path inside."""
    old, new = Path(SETTINGS["root"]), FOLDER / "root"
    lines = [f"mount -t tmpfs -o mode=755 none {new}", f"cd {new}", "mkdir dev etc proc tmp usr", "chmod 1777 tmp"]
    lines += ["mount --rbind /dev dev", "mount --rbind /proc proc", f"mount --bind {old}/usr usr"]
    lines += [f"ln -s usr/{name} {name}" for name in ("bin", "lib", "lib64", "sbin")]
    lines += [f"cp -L {old}/etc/ld.so.cache /etc/group /etc/passwd etc/"]
    for path, outside in sorted(mounts.items()):
        file = Path(outside).is_file()
        lines.append(f"mkdir -p .{Path(path).parent if file else path}" + (f" && touch .{path}" if file else ""))
        lines.append(f"mount --bind {shlex.quote(outside)} .{path}")
    given = {"PATH": PROGRAMS, "PGDATA": DATA, "LANG": "C.UTF-8", **environment}
    words = [f"{name}={value}" for name, value in given.items()]
    script = "set -e\n" + "\n".join(lines) + '\nexec chroot --userspec="$0" . env -i "$@"'
    return ["--mount", "--propagation", "private", "sh", "-c", script, user, *words, *argv]


def become(user: str, argv: Sequence[str], command: Sequence[str]) -> NoReturn:
    """Run the command of a container that runs a program, in the place of this process."""
    held = FOLDER / "hold"
    if held.exists() and argv[0] in held.read_text().split():
        held.with_name("held").touch()
        signal.pause()
    if stat.S_ISFIFO(os.fstat(0).st_mode):
        os.fchown(0, *map(int, user.split(":")))  # as runc does
    os.execvp("unshare", ["unshare", *command])  # noqa: S606


def running() -> int:
    """Process number of the server, 0 if it does not run."""
    try:
        pid = int(PID.read_text())
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return 0
    return 0 if state == "Z" else pid


def start() -> None:
    """Start the server."""
    if not running():
        with LOG.open("ab") as log:
            server = subprocess.Popen(
                ["unshare", *inside(SETTINGS["user"], SERVER, SETTINGS["mounts"], {})],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        PID.write_text(str(server.pid))


def stop(seconds: float) -> None:
    """Stop the server as its image asks for it."""
    if pid := running():
        os.kill(pid, signal.SIGINT)
        deadline = time.monotonic() + seconds
        while running():
            if time.monotonic() > deadline:
                os.kill(pid, signal.SIGKILL)
            time.sleep(0.02)


def execute(words: list[str]) -> NoReturn:
    """Run `docker exec`."""
    parser = argparse.ArgumentParser()
    parser.add_argument("-i", action="store_true")
    parser.add_argument("--env", action="append", default=[])
    parser.add_argument("container")
    parser.add_argument("argv", nargs=argparse.REMAINDER)
    given = parser.parse_args(words)
    if not running():
        sys.exit(f"Error response from daemon: container {given.container} is not running")
    pairs = (word.partition("=") for word in given.env)
    environment = {name: value if equals else os.environ[name] for name, equals, value in pairs}
    become(SETTINGS["user"], given.argv, inside(SETTINGS["user"], given.argv, SETTINGS["mounts"], environment))


def run(words: list[str]) -> NoReturn:
    """Run `docker run`."""
    parser = argparse.ArgumentParser()
    for flag in ("--rm", "-i", "--read-only"):
        parser.add_argument(flag, action="store_true")
    for option in ("--pull", "--network", "--user", "--memory", "--cpus", "--tmpfs", "--cap-drop", "--security-opt"):
        parser.add_argument(option)
    parser.add_argument("--volume", action="append", default=[])
    parser.add_argument("--entrypoint", required=True)
    parser.add_argument("image")
    parser.add_argument("argv", nargs=argparse.REMAINDER)
    given = parser.parse_args(words)
    volumes = (volume.split(":") for volume in given.volume)
    argv = [given.entrypoint, *given.argv]
    command = inside(given.user, argv, {volume[1]: volume[0] for volume in volumes}, {})
    become(given.user, argv, ["--pid", "--fork", "--kill-child", *command])  # nothing outlives its first process


def main(command: str, words: list[str]) -> None:
    """One command of docker."""
    match command:
        case "exec":
            execute(words)
        case "run":
            run(words)
        case "start":
            start()
        case "stop":
            stop(float(words[words.index("--time") + 1]))
        case "inspect":
            print("true 0" if running() else "false 0")
        case "logs":
            print("\n".join(LOG.read_text().splitlines()[-20:]), file=sys.stderr)
        case _:
            sys.exit(f"the stand-in for docker knows no {command}")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
