"""2.1.1: the database server serves the VPN, stays within its limits, and survives mishaps."""

import base64
import ipaddress
import secrets
import string
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from psycopg import sql
from pytest_bdd import given, parsers, scenarios, step, then, when
from testinfra.backend.base import CommandResult
from testinfra.host import Host

from lab.waiting import wait_until
from proof.database.login import FIRST_DATABASE, PASSWORD_NAME, Logins, password_file
from proof.evidence.recorder import Recorder
from proof.evidence.redact import redactor
from proof.hosts.connections import MAIL
from proof.hosts.recorded_lab import RecordedLab
from proof.hosts.target import Target
from proof.parsers import ss
from proof.probes import confinement, secret
from proof.probes.confinement import Confinement, OutOfMemory
from proof.probes.secret import SecretFile
from proof.transport.errors import Unreachable
from steps.shared import images

if TYPE_CHECKING:
    from docker import DockerClient

scenarios("../features/task_2.1.1.feature")

GIB = 1 << 30
PERIOD = 100_000  # microseconds of the kernel's accounting of processors
SECOND = 1_000_000_000  # nanoseconds, as the engine counts
MORE_THAN_ALLOWED = 256 << 20
WRITER = "proof_writer"
WRITER_UNIT = "proof-writer"
ACKNOWLEDGED = "/run/proof-acknowledged"
ENOUGH_ROWS = 50
LONGEST_WRITING = 60.0  # seconds
# $1 address, $2 port, $3 role, $4 database. psql prints the id of a row when the server has acknowledged its commit.
WRITE = """\
yes 'INSERT INTO proof_rows DEFAULT VALUES RETURNING id;' |
  PGPASSFILE=/run/proof-passfile stdbuf -oL psql -X -q -A -t -w -h "$1" -p "$2" -U "$3" -d "$4" >/run/proof-acknowledged
"""

# The server's settings, and those that a database, a role or both have instead.
COMMITS = """
SELECT 'the server', name || '=' || setting FROM pg_settings
WHERE name IN ('synchronous_commit', 'fsync', 'full_page_writes')
UNION ALL SELECT concat_ws(' in ', nullif(setrole::regrole::text, '-'), datname), setting
FROM pg_db_role_setting LEFT JOIN pg_database ON pg_database.oid = setdatabase, unnest(setconfig) AS setting
WHERE setting ~ '^(synchronous_commit|fsync|full_page_writes)='
"""
DURABLE = ("synchronous_commit=on", "synchronous_commit=remote_apply", "fsync=on", "full_page_writes=on")

Login = psycopg.Connection[Any]


@dataclass(frozen=True)
class Listeners:
    """TCP listeners of the host, and what else of the database's takes connections."""

    tcp: tuple[ss.Listener, ...]
    others: tuple[str, ...]


@when("the listeners of the database are looked up", target_fixture="listeners")
def look_up_listeners(mail: Host) -> Listeners:
    """Of every program; unix sockets and UDP too."""
    others = mail.check_output("ss -H -l -x -u -n -p").splitlines()
    return Listeners(
        tcp=ss.parse(mail.check_output("ss -H -l -t -n -p")),
        others=tuple(line for line in others if '"postgres"' in line or ".s.PGSQL." in line),
    )


@then("there is exactly one, on the VPN address and the database's port")
def one_listener(listeners: Listeners, target: Target) -> None:
    """Other programs on that port count, and other ports of PostgreSQL."""
    address, port = target.text("vpn_address"), target.number("postgres_port")
    found = [listener for listener in listeners.tcp if listener.port == port or "postgres" in listener.programs]
    shown = ", ".join(map(str, found)) or "nowhere"
    assert [(one.address, one.port) for one in found] == [(address, port)], f"on mail, the database listens on: {shown}"
    assert not listeners.others, f"on mail, the database has other sockets: {listeners.others}"


@then("it is PostgreSQL 17 that answers there")
def answers_as_17(superuser: Login) -> None:
    """To the superuser, on the host itself."""
    version = superuser.info.server_version
    assert version // 10_000 == 17, f"the server on mail has version {version}"


@when("the superuser logs in from another host of the VPN", target_fixture="visitor")
def log_in_from_vpn(vpn_client: Host, logins: Logins, superuser_password: str) -> Login:
    try:
        return logins.as_superuser(vpn_client, superuser_password)
    except psycopg.OperationalError as error:
        raise AssertionError(f"from another host of the VPN the database on mail cannot be used: {error}") from error


@then("the server sees a client of the VPN")
def seen_in_vpn(visitor: Login, target: Target) -> None:
    row = visitor.execute("SELECT host(inet_client_addr())").fetchone()
    address = ipaddress.ip_address(str(row[0] if row else ""))
    network = ipaddress.ip_network(target.text("vpn_network"))
    assert address in network, f"the server sees a client at {address}"
    assert str(address) != target.text("vpn_address"), f"the server sees mail itself, {address}"


@when("the container is inspected", target_fixture="inspected")
def inspect(engine: "DockerClient", target: Target) -> dict[str, Any]:
    return images.description(engine, target)


@when("the confinement of the container is looked up", target_fixture="confined")
def look_up_confinement(mail: Host, engine: "DockerClient", target: Target) -> Confinement:
    """From the kernel, for every process in the container's control group."""
    found: Confinement = mail.call(confinement.read, images.description(engine, target)["State"]["Pid"])
    return found


@then("every process runs as the host's user for PostgreSQL")
def runs_as_user(confined: Confinement, target: Target) -> None:
    """Real, effective, saved and file system ids."""
    uid, gid = target.number("postgres_uid"), target.number("postgres_gid")
    others = [one for one in confined["processes"] if {*one["uids"]} != {uid} or {*one["gids"]} != {gid}]
    assert confined["processes"], "the container on mail has no process"
    assert not others, f"in the container on mail, these do not run as {uid}:{gid}: {others}"


@then("none has a capability or can gain one")
def no_capability(confined: Confinement) -> None:
    """Not even in the bounding set."""
    able = [one for one in confined["processes"] if one["capabilities"] or not one["no_new_privileges"]]
    assert not able, f"in the container on mail, these have or can gain privileges: {able}"


@then("the container's own files cannot be changed")
def read_only_root(confined: Confinement) -> None:
    """Its root is mounted for reading."""
    assert "ro" in confined["root_options"], f"the container's root on mail is mounted {confined['root_options']}"


@then("the kernel lets it have the agreed memory, no swap, and the agreed processors")
def limited(confined: Confinement, target: Target) -> None:
    """The numbers of its control group."""
    gib = int(target.text("postgres_memory").removesuffix("g"))
    wanted = {
        "memory.max": str(gib * GIB),
        "memory.swap.max": "0",
        "cpu.max": f"{int(float(target.text('postgres_cpus')) * PERIOD)} {PERIOD}",
        "pids.max": target.text("postgres_processes"),
    }
    assert confined["limits"] == wanted, f"the control group of the container on mail has {confined['limits']}"


@pytest.fixture
def boot(mail: Host) -> str:
    """The boot that the scenario began in."""
    return str(mail.greeting()["boot"])


@when("a process of the container takes more memory than it may", target_fixture="overdone")
def overdo(mail: Host, engine: "DockerClient", target: Target, boot: str, evidence: Recorder) -> OutOfMemory:
    """In the control group of the container, to which the limit applies."""
    evidence.note(f"boot of mail: {boot}")
    size = int(target.text("postgres_memory").removesuffix("g")) * GIB + MORE_THAN_ALLOWED
    pid = images.description(engine, target)["State"]["Pid"]
    found: OutOfMemory = mail.call(confinement.exceed_memory, pid, size, timeout=confinement.OOM_SECONDS)
    return found


@then("the kernel has stopped that process")
def was_stopped(overdone: OutOfMemory) -> None:
    """By SIGKILL, and it counts that."""
    assert overdone["ended"] == -9, f"the process that took too much ended with {overdone}"
    assert overdone["kills"] >= 1, f"the kernel of mail has stopped no one for lack of memory: {overdone}"


@then("the host has not been rebooted")
def same_boot(mail: Host, boot: str) -> None:
    """It answers from the boot that the scenario began in."""
    now = mail.greeting()["boot"]
    assert now == boot, f"mail has been rebooted: from {boot} to {now}"


@then(parsers.parse("its health is asked for at the VPN address every {seconds:d} seconds; {times:d} failures count"))
def health_asked(inspected: dict[str, Any], target: Target, seconds: int, times: int) -> None:
    """By a client of PostgreSQL's, over TCP."""
    check = inspected["Config"].get("Healthcheck") or {}
    test = check.get("Test", [])
    assert (check.get("Interval"), check.get("Retries")) == (seconds * SECOND, times), f"the health check is {check}"
    assert f"--host={target.text('vpn_address')}" in test, f"health is asked for by {test}"
    assert "pg_isready" in test, f"health is asked for by {test}"


@then("it is healthy")
def healthy(inspected: dict[str, Any]) -> None:
    state = inspected["State"]
    found = (state["Status"], state.get("Health", {}).get("Status"))
    assert found == ("running", "healthy"), f"the container on mail is {found}: {state.get('Health')}"


@then("it is restarted unless it was stopped")
def restart_policy(inspected: dict[str, Any]) -> None:
    policy = inspected["HostConfig"]["RestartPolicy"]["Name"]
    assert policy == "unless-stopped", f"the restart policy of the container on mail is {policy!r}"


@pytest.fixture
def server_process(engine: "DockerClient", target: Target) -> int:
    """Process number of the server when the scenario asked first."""
    return int(images.description(engine, target)["State"]["Pid"])


MISHAPS: Mapping[str, Callable[[Host, "DockerClient", Target, int], object]] = {
    "a kill -9 of the server": lambda mail, _, __, process: mail.run_expect([0], "kill -9 %s", str(process)),
    "a restart of the container": lambda _, engine, target, __: engine.containers.get(
        target.text("postgres_container")
    ).restart(),
    "a restart by the operator's script": lambda mail, _, target, __: mail.run_expect(
        [0], "%s restart", script(target, "manage.sh"), timeout=180
    ),
}


@when(parsers.re(f"(?P<mishap>{'|'.join(MISHAPS)}) happens to the database"))
def mishap_happens(
    mail: Host, engine: "DockerClient", target: Target, server_process: int, evidence: Recorder, mishap: str
) -> None:
    """The operator's script returns when the server answers."""
    evidence.note(f"the server was process {server_process}")
    MISHAPS[mishap](mail, engine, target, server_process)


@when("the engine is restarted")
def restart_engine(mail: Host) -> None:
    mail.run_expect([0], "systemctl restart docker.service", timeout=180)


@then(parsers.parse("the superuser can log in within {seconds:d} seconds"))
def can_log_in(mail: Host, logins: Logins, superuser_password: str, seconds: int) -> None:
    """With the password that there always was."""
    wait_until(
        lambda: logins.as_superuser(mail, superuser_password),
        "the superuser to get into the database on mail",
        seconds,
        tolerate=(psycopg.OperationalError, Unreachable),
    )


@then("it is another process than before")
def another_process(engine: "DockerClient", target: Target, server_process: int) -> None:
    now = images.description(engine, target)["State"]["Pid"]
    assert now not in (0, server_process), f"the server on mail is process {now}, and was {server_process}"


def script(target: Target, name: str) -> str:
    """Path of one of the operator's scripts."""
    return f"{target.text('postgres_home')}/scripts/{name}"


@step(parsers.re("the operator (?P<verb>stops|starts) the database"))
def operator_switches(mail: Host, target: Target, verb: str) -> None:
    """By the script; the start waits until the server answers."""
    mail.run_expect([0], "%s %s", script(target, "manage.sh"), verb.removesuffix("s"), timeout=240)


@then("the database is still stopped")
def still_stopped(engine: "DockerClient", target: Target) -> None:
    """The engine is up again and knows it."""
    status = images.description(engine, target)["State"]["Status"]
    assert status == "exited", f"the container on mail was stopped by its operator, and is {status}"


@given("a client in the VPN writes row after row and notes what was acknowledged")
def client_writes(
    hub: Host, superuser: Login, target: Target, evidence: Recorder, request: pytest.FixtureRequest
) -> None:
    """With its own role and table; the client runs on the hub as a unit, independent of our connections."""
    address, port = target.text("vpn_address"), target.text("postgres_port")
    password = secrets.token_hex(16)
    redactor.register(password)
    verifier = superuser.pgconn.encrypt_password(password.encode(), WRITER.encode(), b"scram-sha-256").decode()
    superuser.execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(sql.Identifier(WRITER), sql.Literal(verifier)))
    superuser.execute("CREATE TABLE proof_rows (id bigserial PRIMARY KEY, written timestamptz DEFAULT now())")
    rights = (
        f"CONNECT ON DATABASE {FIRST_DATABASE}",
        "USAGE ON SCHEMA public",
        "INSERT, SELECT ON proof_rows",
        "USAGE ON SEQUENCE proof_rows_id_seq",
    )
    for right in rights:
        superuser.execute(sql.SQL("GRANT {} TO {}").format(sql.SQL(right), sql.Identifier(WRITER)))
    hub.run_expect([0], "umask 077 && cat >/run/proof-passfile", stdin=f"*:*:*:*:{password}\n")
    request.addfinalizer(lambda: hub.run("systemctl stop %s; rm -f /run/proof-*", WRITER_UNIT))
    started = "systemd-run --quiet --collect --expand-environment=no --unit=%s sh -c %s sh %s %s %s %s"
    hub.run_expect([0], started, WRITER_UNIT, WRITE, address, port, WRITER, FIRST_DATABASE)
    wait_until(lambda: len(acknowledged(hub)) >= ENOUGH_ROWS, f"{ENOUGH_ROWS} rows to be acknowledged", LONGEST_WRITING)
    evidence.note(f"the client on the hub writes to {address}:{port}")


def acknowledged(hub: Host) -> list[int]:
    """Numbers of the rows whose commit the server has acknowledged; the last line may be half written."""
    lines = hub.run("cat %s", ACKNOWLEDGED).stdout.split("\n")[:-1]
    return [int(line) for line in lines if line.isdigit()]


@when("the power of the host is cut in the middle of it")
def cut_power(lab: RecordedLab, hub: Host) -> None:
    assert hub.run("systemctl is-active %s", WRITER_UNIT).rc == 0, "the client on the hub does not write any more"
    lab.power_cut(MAIL)


@when("the superuser asks for the settings of commits, of databases and of roles", target_fixture="commits")
def ask_commits(superuser: psycopg.Connection[Any]) -> list[tuple[str, str]]:
    """The server's, and those that a database or a role has instead."""
    return superuser.execute(COMMITS).fetchall()


@then("all of them wait for the disk")
def all_durable(commits: list[tuple[str, str]]) -> None:
    """Without it, an acknowledged commit is lost with the power."""
    weak = [f"{place}: {setting}" for place, setting in commits if setting not in DURABLE]
    assert commits, "mail's server tells no settings of commits"
    assert not weak, f"on mail, a power cut can lose commits because of {weak}"


@then("every acknowledged row is there")
def all_rows(mail: Host, hub: Host, logins: Logins, superuser_password: str, evidence: Recorder) -> None:
    """Rows beyond those are allowed: their acknowledgement was under way."""
    hub.run("systemctl stop %s", WRITER_UNIT)
    noted = set(acknowledged(hub))
    connection = logins.as_superuser(mail, superuser_password)
    kept = {int(row[0]) for row in connection.execute("SELECT id FROM proof_rows").fetchall()}
    evidence.note(f"{len(noted)} rows were acknowledged, {len(kept)} are there")
    lost = sorted(noted - kept)
    assert len(noted) >= ENOUGH_ROWS, f"only {len(noted)} rows were acknowledged: too little to prove anything"
    assert not lost, f"the database on mail lost {len(lost)} of {len(noted)} acknowledged rows: {lost[:20]}"


@dataclass(frozen=True)
class Authentication:
    """Rules of logging in, as (type, database, user, address, method, error), and how each role's password is kept."""

    rules: list[tuple[Any, ...]]
    passwords: Mapping[str, str]


@when("the superuser asks for the login rules and for what is kept of passwords", target_fixture="authentication")
def ask_rules(superuser: Login) -> Authentication:
    """Of a verifier only how it begins."""
    rules = superuser.execute("SELECT type, database, user_name, address, auth_method, error FROM pg_hba_file_rules")
    kept = superuser.execute("SELECT rolname, left(rolpassword, 14) FROM pg_authid WHERE rolpassword IS NOT NULL")
    return Authentication(rules.fetchall(), dict(kept.fetchall()))


@then("every rule asks for SCRAM-SHA-256")
def scram_rules(authentication: Authentication) -> None:
    """There is one at least, and none is broken."""
    others = [rule for rule in authentication.rules if rule[4:] != ("scram-sha-256", None)]
    assert authentication.rules, "the server on mail has no rule at all"
    assert not others, f"rules of the server on mail admit in another way: {others}"


@then("every password is kept as a SCRAM-SHA-256 verifier")
def scram_verifiers(authentication: Authentication, target: Target) -> None:
    others = [role for role, begin in authentication.passwords.items() if begin != "SCRAM-SHA-256$"]
    assert target.text("postgres_superuser") in authentication.passwords, "the superuser on mail has no password"
    assert not others, f"the passwords of these roles are kept in another way: {others}"


@when(parsers.re("the superuser tries to log in with (?P<what>a wrong password|no password)"), target_fixture="refused")
def try_wrongly(mail: Host, logins: Logins, what: str) -> psycopg.OperationalError | None:
    password = None if what == "no password" else secrets.token_urlsafe(24)
    try:
        logins.as_superuser(mail, password)
    except psycopg.OperationalError as error:
        return error
    return None


@then("the server refuses the login")
def is_refused(refused: psycopg.OperationalError | None) -> None:
    """By asking for a password and not taking this one."""
    assert refused is not None, "the server on mail let the superuser in"
    words = str(refused)
    assert "password" in words, f"the login at mail failed for another reason: {words}"


@when("the two files of the superuser's password are looked up", target_fixture="kept")
def look_up_files(mail: Host, target: Target) -> list[SecretFile]:
    """Which of them hold it, and who may read them."""
    return files_with_password(mail, target)


def files_with_password(mail: Host, target: Target) -> list[SecretFile]:
    """Of the two files, those that hold the password."""
    paths = [password_file(target), target.text("postgres_credentials_file")]
    found: list[SecretFile] = mail.call(secret.files_with, paths, PASSWORD_NAME)
    return found


@then("it is base64 of 32 characters")
def strong(superuser_password: str) -> None:
    allowed = set(string.ascii_letters + string.digits + "+/")
    length, odd = len(superuser_password), len(set(superuser_password) - allowed)
    assert (length, odd) == (32, 0), f"the superuser's password has {length} characters, {odd} of them no base64"
    assert len(base64.b64decode(superuser_password, validate=True)) == 24, "it is no base64"


@then("both files hold it, and only root can read them")
def only_root_reads(mail: Host, target: Target) -> None:
    kept = files_with_password(mail, target)
    wanted = {password_file(target), target.text("postgres_credentials_file")}
    assert {one["path"] for one in kept} == wanted, f"on mail, the password is in {kept}, not in {wanted}"
    open_ones = [one for one in kept if (one["uid"], one["gid"], one["mode"]) != (0, 0, 0o600)]
    assert not open_ones, f"on mail, others than root may read {open_ones}"


@then("no other place of the host holds the superuser's password")
def no_stray(mail: Host, target: Target) -> None:
    """The search runs on the host, and returns places only."""
    first, second = password_file(target), target.text("postgres_credentials_file")
    container = target.text("postgres_container")
    found = mail.call(secret.other_places, first, PASSWORD_NAME, container, [first, second], timeout=300)
    assert not found, f"the superuser's password is in {len(found)} more places on mail: {found[:10]}"


Answers = dict[str, CommandResult]


@when("the operator runs the scripts that only look", target_fixture="answers")
def run_looking(mail: Host, target: Target, superuser_password: str) -> Answers:
    """As root; the evidence knows the password, and leaves it out."""
    redactor.register(superuser_password)
    calls = (("manage.sh", "status"), ("manage.sh", "logs"), ("test_connection.sh",), ("get_password.sh",))
    return {" ".join(call): run_script(mail, target, *call) for call in calls}


def run_script(mail: Host, target: Target, name: str, *arguments: str) -> CommandResult:
    """Run a script as root."""
    words = " ".join(["%s"] * (1 + len(arguments)))
    return mail.run(words, script(target, name), *arguments, timeout=60)


@then("each of them succeeds and says so")
def scripts_work(answers: Answers, target: Target, superuser_password: str) -> None:
    """Each with the answer that its name promises."""
    failed = {call: redactor(f"{answer.rc} {answer.stderr}") for call, answer in answers.items() if answer.rc != 0}
    assert not failed, f"on mail, scripts failed: {failed}"
    assert "running healthy" in answers["manage.sh status"].stdout, answers["manage.sh status"]
    assert "LOG:" in answers["manage.sh logs"].stdout, answers["manage.sh logs"]
    said = answers["test_connection.sh"].stdout
    assert f"{target.text('vpn_address')}:{target.text('postgres_port')}" in said, said
    assert "PostgreSQL 17" in said, said
    told = answers["get_password.sh"].stdout == f"{superuser_password}\n"
    assert told, "get_password.sh on mail does not print the password of its file"


@then("the script fails and reports that the container is not running")
def says_not_running(ran: CommandResult) -> None:
    assert ran.rc == 1, f"on mail, the test of the connection ended so: {ran}"
    assert "is not running" in ran.stderr, f"on mail, the test of the connection does not say why: {ran}"
    assert "manage.sh start" in ran.stderr, f"on mail, the test of the connection does not say what to do: {ran}"


@given("the file with the password beside the container's settings is lost")
def lose_file(mail: Host, target: Target) -> None:
    """The other one is still there."""
    mail.run_expect([0], "rm %s", password_file(target))


@then("the script fails and names the missing file, and the script that writes it")
def names_file(ran: CommandResult, target: Target) -> None:
    assert ran.rc == 1, f"on mail, the password was asked for with this outcome: {ran}"
    for word in (password_file(target), "setup_credentials.sh"):
        assert word in ran.stderr, f"on mail, the answer does not name {word}: {ran}"
