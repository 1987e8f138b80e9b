"""A database server with the real scripts for backups, on a machine without containers.

The programs of PostgreSQL 17 are this machine's, or those of the Debian whose root folder MAIL_POSTGRES_ROOT names.
"""

import json
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from jinja2 import Environment, FileSystemLoader

from lab.paths import INVENTORY, PROVISION, ROOT
from lab.waiting import wait_until

ROOT_FOLDER = "MAIL_POSTGRES_ROOT"
PROGRAMS = "usr/lib/postgresql/17/bin"
ACCOUNT = 65534  # nobody: an account that every machine has
ROLE = PROVISION / "roles" / "database_backups"
COMMON = PROVISION / "roles" / "postgres" / "files" / "common.sh"
STAND_IN = Path(__file__).with_name("engine.py")
SETTINGS = """\
listen_addresses = '127.0.0.1'
port = {port}
unix_socket_directories = ''
hba_file = '/etc/postgresql/pg_hba.conf'
shared_buffers = 16MB
fsync = off
timezone = 'UTC'
log_timezone = 'UTC'
include_dir = 'conf.d'
"""


@dataclass(frozen=True)
class Server:
    """A cluster in a folder with its archive, its backups, and the scripts."""

    folder: Path

    @property
    def home(self) -> Path:
        """What is /opt/mail_server/postgres on the host."""
        return self.folder / "home"

    @property
    def data(self) -> Path:
        """The cluster's data."""
        return self.folder / "data"

    @property
    def archive(self) -> Path:
        """Archived WAL."""
        return self.folder / "wal_archive"

    @property
    def backups(self) -> Path:
        """The folder of backups."""
        return self.folder / "backups"

    @property
    def environment(self) -> dict[str, str]:
        """Of every command: the stand-in is the docker that is found."""
        path = f"{self.folder / 'bin'}:{os.environ['PATH']}"
        return {**os.environ, "PATH": path, "ENGINE": str(self.folder / "engine"), "LC_ALL": "C.UTF-8"}

    def bash(self, script: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        """Run a script for bash in the folder of scripts."""
        return subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script],
            cwd=self.home / "scripts",
            env=self.environment,
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
        )

    def start(self, script: str, *arguments: str) -> subprocess.Popen[str]:
        """Start one of the scripts in a session of its own."""
        return subprocess.Popen(
            [self.home / "scripts" / script, *arguments],
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def script(self, script: str, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        """Run one of the scripts to its end."""
        command = [str(self.home / "scripts" / script), *arguments]
        return subprocess.run(
            command, env=self.environment, input=stdin, capture_output=True, text=True, check=False, timeout=120
        )

    def done(self, script: str, *arguments: str, stdin: str = "") -> str:
        """Run one of the scripts, which must succeed; returns what it printed."""
        done = self.script(script, *arguments, stdin=stdin)
        assert done.returncode == 0, done
        return done.stdout

    def refused(self, script: str, *arguments: str, stdin: str = "") -> str:
        """Run one of the scripts, which must fail; returns its reason."""
        done = self.script(script, *arguments, stdin=stdin)
        assert done.returncode == 1, done
        return done.stderr

    def sql(self, statement: str, database: str = "mail") -> str:
        """Run a statement as the superuser; returns rows, fields separated by a bar."""
        done = self.bash(
            f"source ./common.sh; in_postgres psql -X -q -A -t -v ON_ERROR_STOP=1 -d {database}", stdin=statement
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def domain(self, name: str) -> None:
        """Commit a row."""
        self.sql(f"INSERT INTO virtual_domains (name) VALUES ('{name}')")  # noqa: S608 - a name of the tests' own

    def domains(self) -> list[str]:
        """The rows that are there."""
        return self.sql("SELECT name FROM virtual_domains ORDER BY name").split()

    def archived(self) -> None:
        """Everything committed so far is in the archive."""
        wal = self.sql("SELECT pg_walfile_name(pg_switch_wal()) FROM pg_logical_emit_message(true, '', '')")
        wait_until((self.archive / wal).exists, f"{wal} in the archive", 20)

    def backup(self) -> str:
        """Make a backup; returns its name."""
        before = self.names()
        wait_until(lambda: not (self.backups / now()).exists(), "the next second", 3)
        self.done("backup_database.sh")
        (name,) = set(self.names()) - set(before)
        return name

    def names(self) -> list[str]:
        """Everything in the folder of backups."""
        return sorted(path.name for path in self.backups.iterdir())

    def docker(self, *words: str) -> None:
        """Ask the engine."""
        subprocess.run(["docker", *words], env=self.environment, check=True, capture_output=True)

    def bring_up(self) -> None:
        """Start the server and wait for it."""
        self.docker("start", "mailserver-postgres")
        answers = "source ./common.sh; in_postgres pg_isready --quiet"
        wait_until(lambda: self.bash(answers).returncode == 0, "the server to answer", 30)

    def stop(self) -> None:
        """Stop the server."""
        self.docker("stop", "--time", "20", "mailserver-postgres")


def now() -> str:
    """What a backup begun now is called."""
    return subprocess.check_output(["date", "--utc", "+%Y%m%dT%H%M%SZ"], text=True).strip()


def programs_root() -> Path:
    """The Debian with PostgreSQL 17; skips if there is none."""
    root = Path(os.environ.get(ROOT_FOLDER, "/"))
    if not (root / PROGRAMS / "initdb").exists():
        pytest.skip(
            f"{root / PROGRAMS} holds no PostgreSQL 17; {ROOT_FOLDER} can name the root of a Debian that has it"
        )
    if subprocess.run(["unshare", "--mount", "true"], capture_output=True, check=False).returncode != 0:
        pytest.skip("mount namespaces need root")
    return root


def render(template: str, server: Server) -> str:
    """A template of the role, with the inventory's variables and this server's folders."""
    variables = yaml.safe_load((INVENTORY / "group_vars" / "all" / "backups.yml").read_text())
    folders = {"home": server.home, "wal_archive": server.archive, "backups": server.backups, "database": "mail"}
    loader = Environment(loader=FileSystemLoader(ROLE / "templates"), autoescape=False)  # noqa: S701 - no markup
    variables |= {f"postgres_{name}": str(value) for name, value in folders.items()}
    return loader.get_template(template).render(variables)


def install(server: Server, root: Path) -> None:
    """Folders, settings and scripts, as the provisioning leaves them."""
    for folder in (server.home / "scripts", server.home / "conf" / "conf.d", server.folder / "bin"):
        folder.mkdir(parents=True)
    (server.folder / "engine" / "root").mkdir(parents=True)
    for folder in (server.data, server.archive, server.backups):
        folder.mkdir(mode=0o700)
        os.chown(folder, ACCOUNT, ACCOUNT)
    for script in [COMMON, *(ROLE / "files").glob("*.sh")]:
        Path(shutil.copy(script, server.home / "scripts")).chmod(0o755)
    mounts = {
        "/var/lib/postgresql/data": server.data,
        "/wal_archive": server.archive,
        "/backups": server.backups,
        "/etc/postgresql": server.home / "conf",
    }
    engine = {"root": str(root), "user": f"{ACCOUNT}:{ACCOUNT}", "mounts": {p: str(o) for p, o in mounts.items()}}
    (server.folder / "engine" / "engine.json").write_text(json.dumps(engine))
    docker = server.folder / "bin" / "docker"
    docker.write_text(f'#!/bin/sh\nexec {sys.executable} {STAND_IN} "$@"\n')
    docker.chmod(0o755)
    configure(server)


def configure(server: Server) -> None:
    """What the templates of this role and of the container's make."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    settings = {
        "POSTGRES_HOME": server.home,
        "CONTAINER": "mailserver-postgres",
        "PG_HOST": "127.0.0.1",
        "PG_PORT": port,
        "PG_SUPERUSER": "postgres",
        "DATABASE": "mail",
        "PG_DATA": server.data,
        "PG_WAL_ARCHIVE": server.archive,
        "PG_BACKUPS": server.backups,
        "PG_UID": ACCOUNT,
        "PG_GID": ACCOUNT,
    }
    scripts, conf = server.home / "scripts", server.home / "conf"
    (scripts / "settings.sh").write_text("".join(f"readonly {name}={value}\n" for name, value in settings.items()))
    (scripts / "backups_settings.sh").write_text(render("backups_settings.sh.j2", server))
    (server.home / "README_BACKUPS.md").write_text(render("README_BACKUPS.md.j2", server))
    (conf / "postgresql.conf").write_text(SETTINGS.format(port=port))
    (conf / "pg_hba.conf").write_text("host all,replication all 127.0.0.1/32 scram-sha-256\n")
    (conf / "conf.d" / "archiving.conf").write_text(render("archiving.conf.j2", server))
    schema = scripts / "apply_schema.sh"
    schema.write_text(
        '#!/bin/bash\nset -euo pipefail\nsource "${BASH_SOURCE[0]%/*}/common.sh"\n'
        f"cat {ROOT}/sql/[0-9]*.sql | in_postgres psql -X -q -v ON_ERROR_STOP=1 --single-transaction -d mail\n"
    )
    schema.chmod(0o755)


def make_cluster(server: Server) -> None:
    """initdb as the container's role runs it, and the mail database."""
    password = secrets.token_hex(16)
    (server.home / ".env").write_text(f"POSTGRES_PASSWORD={password}\n")
    initdb = "--auth=scram-sha-256 --username=postgres --pwfile=/dev/stdin --encoding=UTF8 --locale=C.UTF-8 --no-sync"
    account, volume = f"{ACCOUNT}:{ACCOUNT}", f"{server.data}:/var/lib/postgresql/data"
    done = subprocess.run(
        ["docker", "run", "--user", account, "--volume", volume, "--entrypoint", "initdb", "image", *initdb.split()],
        env=server.environment,
        input=password,
        text=True,
        check=False,
        capture_output=True,
    )
    assert done.returncode == 0, done
    server.bring_up()
    server.sql("CREATE DATABASE mail", "postgres")
    server.done("apply_schema.sh")
    server.stop()


@pytest.fixture(scope="session")
def installed() -> Iterator[Server]:
    """A server that has been set up and does not run; the folder is one that other accounts may enter."""
    root = programs_root()
    if not COMMON.exists():
        pytest.skip(f"{COMMON} is not there yet")
    folder = Path(tempfile.mkdtemp(prefix="mail-backups-"))
    folder.chmod(0o755)
    server = Server(folder)
    install(server, root)
    make_cluster(server)
    shutil.copytree(server.home, folder / "pristine-home")
    for name in ("data", "wal_archive"):
        subprocess.run(["cp", "--archive", folder / name, folder / f"pristine-{name}"], check=True)
    yield server
    shutil.rmtree(folder)


@pytest.fixture
def server(installed: Server) -> Iterator[Server]:
    """The server, running, with the mail database and no backup."""
    folder = installed.folder
    for path in folder.iterdir():
        if path.name not in ("engine", "bin") and not path.name.startswith("pristine-"):
            shutil.rmtree(path)
    shutil.copytree(folder / "pristine-home", installed.home)
    for name in ("data", "wal_archive"):
        subprocess.run(["cp", "--archive", folder / f"pristine-{name}", folder / name], check=True)
    installed.backups.mkdir(mode=0o700)
    os.chown(installed.backups, ACCOUNT, ACCOUNT)
    (folder / "engine" / "log").unlink(missing_ok=True)
    installed.bring_up()
    yield installed
    (folder / "engine" / "hold").unlink(missing_ok=True)
    installed.stop()


def kill(server: Server, process: subprocess.Popen[str]) -> None:
    """End a script and all that it started, at once."""
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    free = ["flock", "--nonblock", str(server.home / ".backups.lock"), "true"]
    wait_until(lambda: subprocess.run(free, check=False).returncode == 0, "the last of its processes to be gone", 10)


def drill(server: Server) -> str:
    """The commands of the drill, as the instructions on the host have them."""
    text = (server.home / "README_BACKUPS.md").read_text()
    found = re.search(r"^## Drill$.*?^```bash$(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    assert found, "README_BACKUPS.md has no drill"
    return found.group(1)
