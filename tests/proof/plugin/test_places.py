"""Places that a target offers, and what a scenario hears if it does not."""

import os
from pathlib import Path

import pytest

from proof.evidence.record import Run
from proof.evidence.recorder import Recorder
from proof.evidence.run_folder import RunFolder
from proof.hosts.connections import RUNNER, Connections
from proof.hosts.target import Target
from tests import fakes
from tests.fakes import STEPS, Project, make_project


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Project:
    return make_project(pytester, monkeypatch)


def heard(project: Project, place: str, host: str = "vultr") -> tuple[str, str]:
    """State and reason of a scenario that asks a place."""
    steps = STEPS.replace('def _(mail):\n    return mail.run("sudo', f'def _({place}):\n    return {place}.run("sudo')
    project.write("steps/test_task_1_2_1.py", steps)
    for remembered in (project.pytester.path / ".lab").glob("inventory-*.json"):
        remembered.unlink()
    project.run(f"--host={host}")
    scenario = Run.read(project.last / "run.json").scenarios[0]
    return scenario.state, scenario.reason


@pytest.mark.parametrize("place", ["hub", "outsider", "intruder"])
def test_a_place_that_is_not_named_skips_with_the_name_to_give(project: Project, place: str) -> None:
    reason = f"no {place}: the inventory of vultr has no {place}_host"
    assert heard(project, place) == ("skipped", reason)


def test_a_place_that_is_named_is_asked(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(fakes.VARIABLES, "outsider_host", "cafe")
    assert heard(project, "outsider") == ("passed", "")
    assert "outsider: sudo -n id" in project.lab.did


def test_the_lab_has_all_places(project: Project) -> None:
    for place in ("hub", "outsider", "intruder", "vpn_client"):
        assert heard(project, place, "lab") == ("passed", "")


def test_this_machine_is_the_client_if_it_is_in_the_vpn(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    assert heard(project, "vpn_client") == ("passed", "")
    assert "runner: sudo -n id" in project.lab.did
    monkeypatch.setattr("proof.hosts.preflight.in_vpn", lambda _: False)
    state, reason = heard(project, "vpn_client")
    assert state == "skipped"
    assert reason == (
        "no client in the VPN: this machine has no address in 127.0.0.0/8, and the inventory of vultr names no hub_host"
    )
    monkeypatch.setitem(fakes.VARIABLES, "hub_host", "wg")
    assert heard(project, "vpn_client") == ("passed", "")
    assert "hub: sudo -n id" in project.lab.did


def test_this_machine_answers_without_a_login(tmp_path: Path) -> None:
    connections = Connections(Target("vultr", {}, None, resettable=False), Recorder(RunFolder.at(tmp_path)))
    runner = connections.host(RUNNER)
    assert runner.check_output("id -u") == str(os.geteuid())
    pid = runner.call(os.getpid)
    assert pid != os.getpid()
    connections.close()


def test_hosts_that_were_asked_are_reported_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Connections, "_connect", lambda _, name: name)
    connections = Connections(Target("lab", {}, None, resettable=True), Recorder(RunFolder.at(tmp_path)))
    connections.current("mail")
    connections.current("outsider")
    assert connections.take_used() == ["hub", "mail"], "the outsider is a place on the hub"
    assert connections.take_used() == []
