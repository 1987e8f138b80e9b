"""The rehearsed path from an order to a provisioned server, with deploy.sh and Ansible played."""

from collections.abc import Callable
from pathlib import Path
from typing import cast

import pytest

from lab import provisioning
from lab.errors import LabError
from lab.paths import ROOT
from lab.provisioning import Play
from proof.deployment import terraform
from proof.deployment.sandbox import Deployment
from proof.hosts import recorded_lab
from proof.hosts import target as targets
from proof.hosts.recorded_lab import LabControl
from proof.hosts.target import Target
from proof.process import Finished
from proof.rehearsal import from_scratch, run, stand_in
from tests import fakes

KEY = "ssh-ed25519 AAAA"
Make = Callable[..., Target]


@pytest.fixture
def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Make:
    (tmp_path / "key.pub").write_text(f"{KEY} operator\n")
    (tmp_path / "evidence").mkdir()

    def perform(exit_status: int = 0, key: str = KEY, provisioned: int = 0) -> Target:
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

        def apply(playbooks: list[Path], target: str, log: Path, timeout: float, folder: Path) -> Play:
            assert (target, folder, timeout) == ("vultr", tmp_path / "stand-in", from_scratch.PROVISION_SECONDS)
            assert playbooks == [ROOT / "provision" / "site.yml"]
            log.write_text("said")
            return Play(provisioned, 1, 1, 0, (), "TASK [one]\nfatal: no room")

        monkeypatch.setattr(Deployment, "deploy", deploy)
        monkeypatch.setattr(provisioning, "apply", apply)
        monkeypatch.setattr(targets, "resolve", resolve)
        monkeypatch.setattr(stand_in, "confirm_host_key", lambda *_: None)
        return from_scratch.make(cast("LabControl", None), tmp_path / "evidence", folder=tmp_path / "stand-in")

    def resolve(path: str, root: Path) -> Path:
        return tmp_path / "key.pub" if path.endswith(".pub") else root / path

    return perform


def test_the_target_is_where_deploy_sh_says(make: Make, tmp_path: Path) -> None:
    target = make()
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


def test_without_terraform_nothing_is_begun(monkeypatch: pytest.MonkeyPatch) -> None:
    lab = fakes.FakeLab()
    monkeypatch.setattr(terraform, "why_not", lambda: "Terraform is not installed")
    monkeypatch.setattr(recorded_lab, "open_lab", lambda: lab)
    with pytest.raises(LabError, match="No server can be ordered: Terraform is not installed"):
        run.main(["--from-scratch"])
    assert not lab.did
