import shutil
from pathlib import Path

import pytest

from lab.errors import LabError, UsageError
from lab.paths import ROOT
from proof.evidence.redact import redactor
from proof.hosts import target


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / ".lab").mkdir()
    folder = tmp_path / "provision" / "inventory"
    folder.mkdir(parents=True)
    (folder / "lab.yml").write_text(
        "all:\n  hosts:\n    mail:\n      ssh_port: 2288\n      ssh_config_file: .lab/ssh_config\n"
        "      wireguard_credentials_file: .lab/wireguard.yml\n"
    )
    shutil.copy(folder / "lab.yml", folder / "other.yml")
    (tmp_path / ".lab" / "wireguard.yml").write_text("wireguard_private_key: notsosecretvalue\n")
    return tmp_path


def test_variables_come_from_ansible_and_are_remembered(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = target.load("lab", root)
    assert first.number("ssh_port") == 2288
    assert first.ssh_config == root / ".lab" / "ssh_config"
    assert first.resettable
    assert redactor("notsosecretvalue") != "notsosecretvalue"

    def never(*_: object) -> dict[str, object]:
        raise AssertionError("asked again")

    monkeypatch.setattr(target, "_ask_ansible", never)
    assert target.load("lab", root) == first
    (root / "provision/inventory/lab.yml").write_text("all:\n  hosts:\n    mail:\n      ssh_port: 22\n")
    with pytest.raises(AssertionError, match="asked again"):
        target.load("lab", root)


def test_only_the_lab_is_resettable(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(target, "_ask_ansible", lambda *_: {"_meta": {"hostvars": {}}, "all": {}})
    other = target.load("other", root)
    assert not other.resettable
    assert other.ssh_config is None
    with pytest.raises(LabError, match="no variable ssh_port"):
        other.number("ssh_port")


def test_unknown_names_the_known(root: Path) -> None:
    with pytest.raises(UsageError, match="lab, other"):
        target.load("moon", root)


def test_a_broken_inventory_is_no_traceback(root: Path) -> None:
    (root / "provision/inventory/lab.yml").write_text("{ no inventory")
    with pytest.raises(LabError, match="inventory"):
        target.load("lab", root)


def test_both_targets_of_the_project_are_known() -> None:
    assert target.known(ROOT) == ["lab", "vultr"]


def test_a_variable_may_name_others() -> None:
    variables = {"home": "/opt/{{ name }}", "name": "mail", "folder": "{{ home }}/keys", "lost": "{{ nowhere }}"}
    lab = target.Target("lab", variables, None, resettable=True)
    assert lab.text("folder") == "/opt/mail/keys"
    with pytest.raises(LabError, match="no variable nowhere"):
        lab.text("lost")
