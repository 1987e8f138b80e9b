"""Fixtures that several tasks share.

The database: `postgres_login(role, password)` logs in from the host itself, `place=` from elsewhere, such as hub for a
client in the VPN; `superuser` is a connection with every right, `superuser_password` what it logged in with. All
connections commit every statement and end with the scenario; they survive neither a reboot nor a restart of the
server, so after one a step asks for a new one. The container engine: fixture `engine`, the Docker SDK.
"""

from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import psycopg
import pytest
from pytest_bdd import when
from testinfra.backend.base import CommandResult
from testinfra.host import Host

from proof.clients import overlay, reboot
from proof.clients.openssh import Admin
from proof.clients.port_scan import OutsiderScan, bound
from proof.clients.reboot import RebootResult
from proof.database.login import PASSWORD_NAME, Logins, password_file
from proof.evidence.recorder import Recorder
from proof.evidence.redact import redactor
from proof.gherkin.case import CASE, Case
from proof.gherkin.feature_files import STARTS_EARLY, WHOLE_HOST
from proof.hosts.recorded_lab import RecordedLab
from proof.hosts.target import Target
from proof.parsers import iptables, ss, ssh_login
from proof.probes import engine, folders, ownership, secret
from proof.probes.engine import Trial
from proof.probes.folders import Folder
from proof.probes.ownership import Owned
from proof.transport.command import RunningCommand
from proof.whole_host.comparison import HostSnapshot
from steps import storage, whole_host

TRIAL = "mail-lab-trial"
ENDED_WELL = 42
EARLY = {"1.3.1": "upgrade_rehearsal", "1.3.4": "outsider_scan"}  # task -> fixture of its @starts-early scenarios


@pytest.fixture(scope="session")
def verbose_login(admin: Admin) -> ssh_login.Login:
    """The administrator's login as the client saw it, once a run; one that succeeds brings no ban nearer."""
    return ssh_login.parse(admin.login(options=("-vv",)).stderr)


@pytest.fixture(scope="session")
def files_of_others(mail: Host) -> list[Owned]:
    """Every file that is not only root's, read once a run, for calm scenarios."""
    found: list[Owned] = mail.call(ownership.not_roots, timeout=120)
    return found


@pytest.fixture(scope="session")
def superuser_password(mail: Host, target: Target) -> str:
    """The password of the database's superuser, read over the run's own login; no evidence shows it."""
    path = password_file(target)
    found: str = mail.ask(
        f"the password in {path}", secret.value, path, PASSWORD_NAME, shown=lambda _: "read, and not shown"
    )
    redactor.register(found)
    return found


@pytest.fixture(scope="session")
def all_logins(target: Target, evidence: Recorder) -> Iterator[Logins]:
    """The ways to the database, kept for the whole run."""
    ways = Logins(target, evidence)
    yield ways
    ways.close()


@pytest.fixture
def logins(all_logins: Logins) -> Iterator[Logins]:
    """`logins.connect(place, role, password, database)` logs in; what is still open at the scenario's end is closed."""
    yield all_logins
    all_logins.end()


@pytest.fixture
def postgres_login(logins: Logins, mail: Host, target: Target) -> Callable[..., psycopg.Connection[Any]]:
    """`postgres_login(role, password, database=..., place=hub)`: by default the mail database, from mail."""

    def log_in(
        role: str, password: str | None, database: str | None = None, place: Host = mail
    ) -> psycopg.Connection[Any]:
        return logins.connect(place, role, password, database or target.text("postgres_database"))

    return log_in


@pytest.fixture
def superuser(logins: Logins, mail: Host, superuser_password: str) -> psycopg.Connection[Any]:
    """A connection with every right, to the database that is there as soon as the server is."""
    return logins.as_superuser(mail, superuser_password)


@pytest.fixture(scope="session")
def dropped_before(mail: Host) -> dict[str, int]:
    """How many packets mail's firewall had dropped when the outsider's scan began, by family."""
    return {family: iptables.dropped(mail.check_output(command)) for family, command in iptables.COUNTERS.items()}


@pytest.fixture(scope="session")
def outsider_scan(outsider: Host, target: Target, dropped_before: dict[str, int]) -> OutsiderScan:
    """Every TCP port of the public addresses, scanned by an outsider once a run."""
    del dropped_before
    addresses = {"IPv4": target.text("public_address"), "IPv6": target.text("public_address6")}
    return OutsiderScan(outsider, addresses, rate=bound(target))


@pytest.fixture(scope="session")
def upgrade_rehearsal(mail: Host) -> RunningCommand[CommandResult]:
    """The very program that the timer starts, without its last step, once a run."""
    pending: RunningCommand[CommandResult] = overlay.of(mail).start("unattended-upgrade --dry-run --debug", timeout=300)
    return pending


@pytest.fixture(scope="session")
def container_trial(mail: Host) -> Callable[[], Trial]:
    """A container without network, from start to end, once a run: called for its result."""
    script = f'test "$$" -eq 1 && exit {ENDED_WELL}'
    trial: Callable[[], Trial] = mail.begin(engine.try_container, TRIAL, script, timeout=120)
    return trial


@pytest.fixture(scope="session")
def chosen_cases(request: pytest.FixtureRequest) -> list[Case]:
    """Every case of this run."""
    return [item.stash[CASE] for item in request.session.items if CASE in item.stash]


@pytest.fixture(scope="session", autouse=True)
def early_start(chosen_cases: list[Case], request: pytest.FixtureRequest) -> None:
    """Start the work that @starts-early scenarios wait for before the first scenario."""
    for task in {case.feature.task for case in chosen_cases if STARTS_EARLY in case.scenario.tags}:
        with suppress(pytest.skip.Exception):  # the scenario itself reports which place is missing
            request.getfixturevalue(EARLY[task])


@pytest.fixture(scope="session")
def looks_after_reboot() -> list[HostSnapshot]:
    """The whole host after this run's reboot; empty before it."""
    return []


@pytest.fixture(scope="session")
def rebooted(
    lab: RecordedLab,
    mail: Host,
    admin: Admin,
    target: Target,
    looks_after_reboot: list[HostSnapshot],
    chosen_cases: list[Case],
) -> RebootResult:
    """What stood after a reboot that no one helped: one reboot a run, whichever scenario asks first."""
    result = reboot.reboot(lab, mail, admin, target)
    if any(case.feature.task == WHOLE_HOST and case.scenario.disruptive for case in chosen_cases):
        looks_after_reboot.append(whole_host.look(mail, target))
    return result


@when("the listeners of the SSH server are looked up", target_fixture="listeners")
def look_up_listeners(mail: Host) -> tuple[ss.Listener, ...]:
    """TCP sockets of sshd, or of systemd in its place."""
    return ss.of_ssh(ss.parse(mail.check_output("ss -H -l -t -n -p")))


@when("the storage is looked at", target_fixture="storage_seen")
def look_at_storage(mail: Host, target: Target) -> dict[str, Folder]:
    """Every folder of mail and database, by path."""
    found: list[Folder] = mail.call(folders.read, storage.paths(target))
    return {folder["path"]: folder for folder in found}
