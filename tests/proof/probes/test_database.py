import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from proof.probes import confinement, engine, postgres, secret
from proof.probes.engine import Answer

STATUS = """\
Name:\tpostgres
Pid:\t146
Uid:\t999\t999\t999\t999
Gid:\t5432\t5432\t5432\t5432
NoNewPrivs:\t1
CapInh:\t0000000000000000
CapPrm:\t0000000000000000
CapEff:\t0000000000000000
CapBnd:\t{bounding:016x}
CapAmb:\t0000000000000000
"""
MOUNTS = """\
700 600 0:50 / / ro,relatime - overlay overlay rw,lowerdir=a
701 700 0:51 / /proc rw,nosuid - proc proc rw
"""
REFUSAL = b"E\0\0\0\x40SFATAL\0VFATAL\0C57P03\0Mthe database system is starting up\0\0"
SECRET = "b8Zk3vXq1WcT7mYpR4nL+sDf/HjG0aEu"  # noqa: S105


def test_a_process_is_what_the_kernel_says() -> None:
    found = confinement.process(STATUS.format(bounding=0))
    assert (found["pid"], found["name"], {*found["uids"]}, {*found["gids"]}) == (146, "postgres", {999}, {5432})
    assert found["no_new_privileges"]
    assert found["capabilities"] == 0


def test_a_capability_that_it_could_gain_counts() -> None:
    assert confinement.process(STATUS.format(bounding=2))["capabilities"] == 2


def test_the_options_of_the_root_are_those_of_its_mount() -> None:
    assert confinement.root_options(MOUNTS) == ["ro", "relatime"]


@pytest.fixture
def group(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A control group with limits and one process, 146, of a container whose root is read-only."""
    monkeypatch.setattr(confinement, "CGROUPS", tmp_path)
    monkeypatch.setattr(confinement, "PROCESSES", tmp_path / "proc")
    made = tmp_path / "docker.scope"
    for folder in (made, tmp_path / "proc" / "146", tmp_path / "proc" / "200"):
        folder.mkdir(parents=True)
    for name in confinement.LIMITS:
        (made / name).write_text("max\n")
    (tmp_path / "proc" / "146" / "status").write_text(STATUS.format(bounding=0))
    (tmp_path / "proc" / "146" / "mountinfo").write_text(MOUNTS)
    (tmp_path / "proc" / "146" / "cgroup").write_text("0::/docker.scope\n")
    (made / "cgroup.procs").write_text("146\n")
    return made


def enter(group: Path, name: str) -> Path:
    """Root's process 200 comes into the group. Returns its status file."""
    status = group.parent / "proc" / "200" / "status"
    status.write_text(STATUS.format(bounding=1).replace("postgres", name).replace("146", "200").replace("999", "0"))
    (group / "cgroup.procs").write_text("146\n200\n")
    return status


def test_a_process_on_its_way_into_the_container_is_waited_for(group: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    status = enter(group, "runc:[2:INIT]")
    inside = STATUS.format(bounding=0).replace("146", "200")
    monkeypatch.setattr(time, "sleep", lambda _: status.write_text(inside))
    assert [(one["pid"], {*one["uids"]}) for one in confinement.read(146)["processes"]] == [(146, {999}), (200, {999})]


def test_a_process_with_only_the_name_of_one_is_reported(group: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    enter(group, "runc:[2:INIT]")
    monkeypatch.setattr(confinement, "STARTER_SECONDS", 0.1)
    assert [{*one["uids"]} for one in confinement.read(146)["processes"]] == [{999}, {0}]


def test_a_process_that_ends_meanwhile_is_left_out(group: Path) -> None:
    enter(group, "pg_isready").unlink()
    assert [one["pid"] for one in confinement.read(146)["processes"]] == [146]


def test_a_process_may_take_what_no_limit_forbids(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "memory.events").write_text("low 0\noom 4\noom_kill 3\n")
    monkeypatch.setattr(confinement, "_group", lambda _: tmp_path)
    monkeypatch.setattr(confinement, "PYTHON", sys.executable)
    assert confinement.exceed_memory(1, 8 << 20) == {"ended": 0, "kills": 0}
    assert (tmp_path / "cgroup.procs").read_text().isdecimal()


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (b"R\0\0\0\x17\0\0\0\x0aSCRAM-SHA-256\0\0", ""),
        (REFUSAL, "the database system is starting up"),
        (b"HTTP/1.1 400", "b'HTTP/1.1 400'"),
        (b"", "b''"),
    ],
)
def test_a_server_that_asks_for_the_password_takes_logins(said: bytes, expected: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(1000)
                connection.sendall(said)

        threading.Thread(target=serve, daemon=True).start()
        assert postgres.greeting(*listener.getsockname()) == expected


def test_if_no_one_listens_the_kernel_is_reported() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = listener.getsockname()
    assert "refused" in postgres.greeting(*address)


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A host of a few files, whose engine and journal know nothing."""
    (tmp_path / "etc").mkdir()
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "env").write_text(f"# kept here\nPOSTGRES_PASSWORD={SECRET}\n")
    (tmp_path / "root" / "credentials").write_text(f"USER=postgres\nPOSTGRES_PASSWORD={SECRET}\n")
    monkeypatch.setattr(secret, "TREES", (f"{tmp_path}/etc", f"{tmp_path}/root"))
    monkeypatch.setattr(secret, "JOURNAL", ("true",))
    monkeypatch.setattr(engine, "ask", lambda *_: Answer(status=200, body="{}"))
    yield tmp_path


def strays(host: Path) -> list[str]:
    files = [str(host / "root" / name) for name in ("env", "credentials")]
    return secret.other_places(files[0], "POSTGRES_PASSWORD", "db", files)


def test_a_secret_in_its_files_alone_has_no_stray(host: Path) -> None:
    assert strays(host) == []


def test_a_copy_in_a_file_is_found(host: Path) -> None:
    (host / "root" / ".bash_history").write_text(f"psql postgresql://postgres:{SECRET}@mail\n")
    (host / "etc" / "link").symlink_to(host / "root" / "env")
    assert strays(host) == [str(host / "root" / ".bash_history")]


def test_a_copy_that_the_engine_knows_is_found(host: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def ask(_method: str, path: str) -> Answer:
        return Answer(status=200, body=SECRET if "logs" in path else "{}")

    monkeypatch.setattr(engine, "ask", ask)
    assert strays(host) == ["the log of db"]


def test_a_copy_in_the_journal_is_found(host: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(secret, "JOURNAL", ("echo", f"sudo: root : COMMAND=/bin/psql {SECRET}"))
    assert strays(host) == ["the journal"]
    monkeypatch.setattr(secret, "PIECE", len(SECRET) - 1)  # so it lies on the border of two
    assert strays(host) == ["the journal"]
    monkeypatch.setattr(secret, "JOURNAL", ("false",))
    with pytest.raises(subprocess.CalledProcessError):
        strays(host)


def test_an_argument_and_a_variable_of_a_process_are_found(host: Path) -> None:
    command = ["sh", "-c", "echo ready; read -r _", SECRET]
    environment = {"POSTGRES_PASSWORD": SECRET}
    child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment)
    with child:
        assert child.stdout is not None
        child.stdout.readline()  # before that it may not have its arguments yet
        found = strays(host)
        child.communicate()
    assert {f"{part} of process {child.pid}" for part in ("cmdline", "environ")} <= {*found}


def test_owner_and_mode_of_the_files_that_hold_it(host: Path) -> None:
    (host / "root" / "credentials").chmod(0o640)
    (host / "root" / "other").write_text("nothing")
    files = [str(host / "root" / name) for name in ("env", "credentials", "other")]
    found = secret.files_with(files, "POSTGRES_PASSWORD")
    assert [(one["path"], one["mode"]) for one in found] == [(files[0], 0o644), (files[1], 0o640)]


def test_a_file_without_the_value_is_reported(host: Path) -> None:
    with pytest.raises(FileNotFoundError, match="has no PASSWORD"):
        secret.value(str(host / "root" / "env"), "PASSWORD")
