"""The rehearsed path from an order to a provisioned server, with deploy.sh and Ansible played."""

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from lab import provisioning, starting_states
from lab.errors import LabError
from lab.paths import ROOT
from lab.provisioning import Play
from lab.starting_states import FIRST_PASSWORD, State
from proof.deployment import terraform
from proof.deployment.sandbox import Deployment
from proof.hosts import recorded_lab
from proof.hosts import target as targets
from proof.hosts.target import Target
from proof.process import Finished
from proof.rehearsal import from_scratch, run, stand_in
from proof.whole_host import declarations
from tests import fakes

KEY = "ssh-ed25519 AAAA"
Make = Callable[..., tuple[Target, str]]


@pytest.fixture
def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Make:
    (tmp_path / "key.pub").write_text(f"{KEY} operator\n")
    (tmp_path / "evidence").mkdir()

    def perform(
        exit_status: int = 0, key: str = KEY, provisioned: int = 0, states: Sequence[State] = ()
    ) -> tuple[Target, str]:
        passwords: list[str] = []

        def deploy(deployed: Deployment) -> Finished:
            offer = deployed.api.account.offer
            settings = (deployed.terraform_folder / "terraform.tfvars").read_text()
            assert f'ssh_public_key_file = "{tmp_path / "key.pub"}"' in settings
            assert not deployed.server_file.exists()
            deployed.api.account.keys["1"] = {"ssh_key": f"{key} mail administrator"}
            deployed.server_file.write_text(
                f"public_address: {offer.address}\npublic_address6: '{offer.address6}'\n", encoding="utf-8"
            )
            return Finished(exit_status, "ordered\n", "Vultr refuses\n", 0, timed_out=False)

        def apply(
            playbooks: list[Path], target: str, log: Path, timeout: float, folder: Path, first_password: str
        ) -> Play:
            passwords.append(first_password)
            assert (target, folder, timeout) == ("vultr", tmp_path / "stand-in", from_scratch.PROVISION_SECONDS)
            assert playbooks == [ROOT / "provision" / "site.yml"]
            log.write_text("said")
            return Play(provisioned, 1, 1, 0, (), "TASK [one]\nfatal: no room")

        monkeypatch.setattr(Deployment, "deploy", deploy)
        monkeypatch.setattr(provisioning, "apply", apply)
        monkeypatch.setattr(targets, "resolve", resolve)
        monkeypatch.setattr(stand_in, "confirm_host_key", lambda *_: None)
        made = from_scratch.make(fakes.FakeLab(), tmp_path / "evidence", states, folder=tmp_path / "stand-in")
        return made, passwords[0]

    def resolve(path: str, root: Path) -> Path:
        return tmp_path / "key.pub" if path.endswith(".pub") else root / path

    return perform


def test_the_target_is_where_deploy_sh_says(make: Make, tmp_path: Path) -> None:
    target, password = make()
    assert not password
    assert (target.name, target.text("public_address")) == ("vultr", "198.51.100.25")
    own = (tmp_path / "stand-in/provision/inventory/group_vars/production/stand-in.yml").read_text()
    assert "public_address" not in own
    assert (tmp_path / "evidence" / "deploy.txt").read_text() == "ordered\nVultr refuses\n"


def test_a_failed_order_reports_what_deploy_sh_said(make: Make) -> None:
    with pytest.raises(LabError, match=r"deploy\.sh ended with 1: Vultr refuses"):
        make(exit_status=1)


def test_a_server_with_another_key_is_not_taken_for_the_one_that_was_ordered(make: Make) -> None:
    with pytest.raises(LabError, match="ordered with another key"):
        make(key="ssh-ed25519 BBBB")


def test_failed_provisioning_shows_its_end_and_names_the_log(make: Make, tmp_path: Path) -> None:
    with pytest.raises(LabError, match="fatal: no room") as raised:
        make(provisioned=2)
    assert str(tmp_path / "evidence" / "provision.log") in str(raised.value)


def test_the_first_password_is_asked_for_only_where_it_is_all_that_opens_the_server(make: Make) -> None:
    _, password = make(states=starting_states.completed([FIRST_PASSWORD]))
    assert len(password) > 20
    _, password = make(states=starting_states.completed([]))
    assert not password


def test_what_remains_of_the_states_is_declared(make: Make) -> None:
    target, _ = make(states=starting_states.completed(["limited", "swap_on"]))
    declared = declarations.read(target)
    assert {one.author for one in declared} == {"swap_on"}
    assert "/swapfile" in {one.name for one in declared}
    target, _ = make(states=starting_states.completed([]))
    assert [one.name for one in declarations.read(target)] == ["password of root"]


def test_without_terraform_nothing_is_begun(monkeypatch: pytest.MonkeyPatch) -> None:
    lab = fakes.FakeLab()
    monkeypatch.setattr(terraform, "why_not", lambda: "Terraform is not installed")
    monkeypatch.setattr(recorded_lab, "open_lab", lambda: lab)
    with pytest.raises(LabError, match="No server can be ordered: Terraform is not installed"):
        run.main(["--from-scratch"])
    assert not lab.did
