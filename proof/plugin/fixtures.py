"""Fixtures for steps: hosts and places, the lab, the evidence, the inventory's variables."""

import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from lab import provisioning
from lab.provisioning import Play
from proof.clients.openssh import Admin
from proof.clients.tunnel import Tunnel
from proof.deployment import sources
from proof.evidence.recorder import Recorder
from proof.hosts import connections, preflight
from proof.hosts.connections import HUB, INTRUDER, MAIL, OUTSIDER, RUNNER
from proof.hosts.recorded_lab import RecordedLab
from proof.hosts.target import Target
from proof.plugin.session import SESSION, ProofSession

if TYPE_CHECKING:
    import docker

    from proof.transport.host import Host


ENGINE = "/run/docker.sock"
ENGINE_SECONDS = 60  # for one answer


def _session(config: pytest.Config) -> ProofSession:
    session = config.stash.get(SESSION, None)
    if session is None:
        raise pytest.UsageError("this fixture needs a host: name one with --host")
    return session


def _place(config: pytest.Config, name: str) -> "Host":
    session = _session(config)
    if not connections.has(session.target, name):
        pytest.skip(f"no {name}: the inventory of {session.target.name} has no {connections.variable_naming(name)}")
    return session.connections.host(name)


@pytest.fixture(scope="session")
def target(pytestconfig: pytest.Config) -> Target:
    """The host under test, as its inventory describes it."""
    return _session(pytestconfig).target


@pytest.fixture(scope="session")
def variables(target: Target) -> Mapping[str, object]:
    """The inventory's variables of the host under test."""
    return target.variables


@pytest.fixture(scope="session")
def mail(pytestconfig: pytest.Config) -> "Host":
    """Root on the host under test, through its proper path; the login happens at the first question."""
    return _place(pytestconfig, MAIL)


@pytest.fixture(scope="session")
def hub(pytestconfig: pytest.Config) -> "Host":
    """Root on the WireGuard hub; a target whose inventory names none skips."""
    return _place(pytestconfig, HUB)


@pytest.fixture(scope="session")
def outsider(pytestconfig: pytest.Config) -> "Host":
    """A place on the internet that is not in the VPN; in the lab on the host's own segment."""
    return _place(pytestconfig, OUTSIDER)


@pytest.fixture(scope="session")
def intruder(pytestconfig: pytest.Config) -> "Host":
    """A place in the VPN whose owner has no key."""
    return _place(pytestconfig, INTRUDER)


@pytest.fixture(scope="session")
def vpn_client(pytestconfig: pytest.Config, target: Target) -> "Host":
    """A machine of the VPN other than the host: the hub if it is ours, else this machine if it is in the VPN."""
    if not connections.has(target, HUB) and not preflight.in_vpn(target):
        pytest.skip(
            f"no client in the VPN: this machine has no address in {target.text('vpn_network')}, "
            f"and the inventory of {target.name} names no {connections.variable_naming(HUB)}"
        )
    return _place(pytestconfig, HUB if connections.has(target, HUB) else RUNNER)


@pytest.fixture(scope="session")
def admin(pytestconfig: pytest.Config) -> Admin:
    """New logins with the administrator's own SSH client."""
    session = _session(pytestconfig)
    return Admin(session.target, session.recorder)


@pytest.fixture(scope="session")
def evidence(pytestconfig: pytest.Config) -> Recorder:
    """The recorder: `evidence.note(text)` adds a sentence to the current step."""
    return _session(pytestconfig).recorder


@pytest.fixture(scope="session")
def engine(mail: "Host", evidence: Recorder) -> "Iterator[docker.DockerClient]":
    """The container engine of the host under test: the Docker SDK, over the run's own login."""
    import docker  # noqa: PLC0415 - loaded by the first scenario that asks

    def tell(response: Any, **_: object) -> None:  # noqa: ANN401 - requests comes without types
        evidence.command(
            "mail, container engine",
            f"{response.request.method} {response.request.path_url}",
            exit_status=None,
            stdout=f"{response.status_code} {response.reason}",
            stderr="",
            seconds=response.elapsed.total_seconds(),
        )

    with Tunnel(mail, ENGINE) as tunnel:
        client = docker.DockerClient(base_url=f"unix://{tunnel.path}", timeout=ENGINE_SECONDS)
        client.api.hooks["response"].append(tell)
        yield client
        client.close()


@pytest.fixture(scope="session")
def lab(pytestconfig: pytest.Config) -> RecordedLab:
    """The lab, for @disruptive scenarios and for looks out of band; a target without one is an error."""
    session = _session(pytestconfig)
    if session.lab is None:
        raise pytest.UsageError(f"{session.target.name} is no lab: tag the scenario @disruptive, or ask mail")
    return session.lab


@pytest.fixture
def play(pytestconfig: pytest.Config, tmp_path: Path) -> Callable[..., Play]:
    """`play("task_1.2.3.yml", extra={...})` runs playbooks against the lab; for @disruptive scenarios."""
    session = _session(pytestconfig)

    def run(*playbooks: str, extra: Mapping[str, object] | None = None, timeout: float = 900.0) -> Play:
        if session.lab is None or session.current is None or not session.current.disruptive:
            raise pytest.UsageError("a playbook changes the host: tag the scenario @disruptive")
        target, started = session.target.name, time.monotonic()
        paths = [sources.provision() / playbook for playbook in playbooks]
        log, settings = tmp_path / "ansible.log", sources.provision()
        played = provisioning.apply(paths, target, log, extra, timeout, provision=settings)
        session.recorder.command(
            "runner",
            " ".join(
                ["ansible-playbook", f"-i provision/inventory/{target}.yml", *(f"provision/{p}" for p in playbooks)]
            ),
            exit_status=played.exit_status,
            stdout=played.stdout,
            stderr="",
            seconds=time.monotonic() - started,
        )
        return played

    return run
