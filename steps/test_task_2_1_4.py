"""2.1.4: the database server as the services will use it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

import docker
from pytest_bdd import scenarios, then, when
from testinfra.backend.base import CommandResult
from testinfra.host import Host

from proof.clients import tcp_probe
from proof.clients.reboot import RebootResult
from proof.database.access import MailDatabase
from proof.evidence.recorder import Recorder
from proof.hosts.target import Target
from proof.parsers import connection_files as files_of
from proof.parsers.connection_files import Settings
from proof.probes import disk_space, load

scenarios("../features/task_2.1.4.feature")

SHARE = 0.9
OUTSIDER_SECONDS = "3"
INSTRUCTIONS = "README.md"
MIB = 1 << 20
EXPLAINED = {  # errors of a boot that are nobody's fault on this host, each with its reason
    r"kernel: \.\.MP-BIOS bug: 8254 timer not connected to IO-APIC": "an emulated machine without KVM",
}


@dataclass(frozen=True)
class Use:
    """What the container and its disk use of what there is: bytes; processor time in seconds."""

    state: str
    health: str
    memory: int
    memory_limit: int
    processes: int
    processor: float
    disk: int
    disk_size: int

    def __str__(self) -> str:
        return (
            f"{self.state} and {self.health}, {self.processes} processes, {self.processor:.0f} s of processor time,"
            f" memory {self.memory / MIB:.0f} of {self.memory_limit / MIB:.0f} MiB,"
            f" disk {self.disk / MIB:.0f} of {self.disk_size / MIB:.0f} MiB"
        )


@when("the engine and the host are asked how the database is", target_fixture="use")
def ask_use(engine: docker.DockerClient, mail: Host, target: Target, evidence: Recorder) -> Use:
    """The figures go into the evidence."""
    name = target.text("postgres_container")
    state = engine.containers.get(name).attrs["State"]
    stats = engine.api.stats(name, stream=False, one_shot=True)
    disk, disk_size = mail.call(disk_space.used, target.text("postgres_data"))
    use = Use(
        state["Status"],
        state.get("Health", {}).get("Status", "without a check"),
        stats["memory_stats"]["usage"],
        stats["memory_stats"]["limit"],
        stats["pids_stats"]["current"],
        stats["cpu_stats"]["cpu_usage"]["total_usage"] / 1e9,
        disk,
        disk_size,
    )
    evidence.note(f"the database's container: {use}")
    return use


@then("it runs and is healthy")
def is_healthy(use: Use) -> None:
    assert (use.state, use.health) == ("running", "healthy"), f"the database's container on mail: {use}"


@then("it uses less than nine tenths of its memory and of its disk")
def has_room(use: Use) -> None:
    """Of what the kernel lets it have, and of the file system that it writes to."""
    assert use.memory < SHARE * use.memory_limit, f"the database's container on mail is short of memory: {use}"
    assert use.disk < SHARE * use.disk_size, f"the database on mail is short of disk: {use}"


@when("the connection files and their instructions are read", target_fixture="logins")
def read_files(connection_files: Mapping[str, bytes]) -> dict[str, Settings]:
    """The login in each of them."""
    return files_of.of_files(connection_files)


@then("the instructions name every file and every service")
def instructions_name_all(connection_files: Mapping[str, bytes], target: Target) -> None:
    text = connection_files.get(INSTRUCTIONS, b"").decode()
    services = target.variables["database_services"]
    assert isinstance(services, list)
    missing = [name for name in (*connection_files, *services) if name != INSTRUCTIONS and str(name) not in text]
    assert text, f"there is no {INSTRUCTIONS} in {target.text('database_connection_folder')} on mail"
    assert not missing, f"{INSTRUCTIONS} on mail does not name {', '.join(missing)}"


@then("every service has a file of its own")
def all_have_files(logins: Mapping[str, Settings], target: Target) -> None:
    """With its own login, at the server's address."""
    services = target.variables["database_services"]
    assert isinstance(services, list)
    where = {(login.host, login.port, login.dbname) for login in logins.values()}
    server = (target.text("vpn_address"), target.number("postgres_port"), target.text("postgres_database"))
    assert {login.user for login in logins.values()} == set(services), f"files on mail: {sorted(logins)}"
    assert where == {server}, f"the files on mail name {where}"


@when("an ordinary account tries to read the connection files", target_fixture="readable")
def nobody_reads(mail: Host, connection_files: Mapping[str, bytes], target: Target) -> str:
    """Names of those that it could read; one that is open to all is tried with them."""
    paths = [f"{target.text('database_connection_folder')}/{name}" for name in connection_files]
    places = " ".join("%s" for _ in paths)
    tried = mail.run_expect(
        [0],
        'runuser -u nobody -- sh -c \'for file do if test -r "$file"; then echo "$file"; fi; done\' sh /etc/passwd '
        + places,
        *paths,
    )
    return str(tried.stdout)


@then("it can read none of them")
def none_readable(readable: str) -> None:
    """But it can read what is for everyone."""
    assert readable.split() == ["/etc/passwd"], f"nobody on mail could read: {readable.split()}"


@when("a VPN client logs in with each of the connection files", target_fixture="seen")
def log_in_with_each(
    database: MailDatabase, connection_files: Mapping[str, bytes], evidence: Recorder
) -> dict[str, tuple[Settings, tuple[str, str, str]]]:
    """What the server sees of each login."""
    seen = {
        name: (login, database.whoami(login.user, login.password, login.dbname))
        for name, login in files_of.of_files(connection_files).items()
    }
    evidence.note("; ".join(f"{name}: {user} from {client}" for name, (_, (user, _, client)) in seen.items()))
    return seen


@then("each login is that of the file's service, in the mail database")
def own_login(seen: Mapping[str, tuple[Settings, tuple[str, str, str]]], target: Target) -> None:
    """And it came from another machine of the VPN."""
    assert seen, "there is no connection file on mail"
    for name, (login, (user, dbname, client)) in seen.items():
        assert (user, dbname) == (login.user, target.text("postgres_database")), f"{name}: {user} in {dbname}"
        assert client != target.text("vpn_address"), f"{name} was used on mail itself"


@when(
    "the outsider tries to log in with each of them, at the VPN address and at the public one",
    target_fixture="refusals",
)
def outsider_tries(outsider: Host, connection_files: Mapping[str, bytes], target: Target) -> dict[str, str]:
    """The error of each attempt, empty if it let the outsider in."""
    found = files_of.of_files(connection_files)
    tries = {
        f"{name} at {address}": login.libpq(host=address, connect_timeout=OUTSIDER_SECONDS)
        for name, login in found.items()
        for address in (login.host, target.text("public_address"))
    }
    question = f"logins of {sorted({login.user for login in found.values()})} with every connection file"
    said: list[str] = outsider.ask(question, load.refusals, list(tries.values()), quick=False)
    return dict(zip(tries, said, strict=True))


@then("every login is refused")
def all_refused(refusals: Mapping[str, str]) -> None:
    """By silence: no one took the connection."""
    let_in = [name for name, said in refusals.items() if "timeout expired" not in said]
    assert refusals, "the outsider had no connection file"
    assert not let_in, "the outsider got an answer: " + "; ".join(
        f"{name}: {refusals[name] or 'in'}" for name in let_in
    )


@then("the outsider reaches the host")
def outsider_is_there(outsider: Host, target: Target) -> None:
    """Otherwise the silence would be that of a broken wire."""
    for address in (target.text("vpn_address"), target.text("public_address")):
        assert tcp_probe.answers_ping(outsider, address), f"the outsider cannot even ping {address}"


@when("the scripts that test the connection and verify the database and its backups run", target_fixture="results")
def run_checks(mail: Host, target: Target) -> list[CommandResult]:
    names = ("test_connection.sh", "verify_database.sh", "verify_backups.sh")
    return [mail.run("%s", f"{target.text('postgres_home')}/scripts/{name}", timeout=300) for name in names]


@then("every script succeeds")
def in_order(results: list[CommandResult]) -> None:
    bad = [str(result) for result in results if result.rc != 0]
    assert not bad, "on mail: " + "; ".join(bad)


@then("every unit that starts at boot has started, and none failed")
def all_started(rebooted: RebootResult) -> None:
    """systemd's own verdict on the boot."""
    found = (rebooted.state, rebooted.failed)
    assert found == ("running", ()), f"after a reboot, mail is '{rebooted.state}'; failed: {rebooted.failed}"


@then("the journal of that boot holds no unexplained error")
def all_explained(rebooted: RebootResult, evidence: Recorder) -> None:
    unexplained = []
    for line in rebooted.errors:
        reason = next((why for pattern, why in EXPLAINED.items() if re.search(pattern, line)), None)
        if reason is None:
            unexplained.append(line)
        else:
            evidence.note(f"explained by {reason}: {line}")
    assert not unexplained, "after a reboot, the journal of mail holds: " + "; ".join(unexplained)
