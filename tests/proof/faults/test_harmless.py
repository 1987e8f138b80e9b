"""Changes of daily life: the list, and what of it the lab's inventory declares."""

from pathlib import Path

import pytest

from lab.errors import UsageError
from lab.paths import FEATURES, PROVISION
from proof.faults import harmless
from proof.gherkin import feature_files
from proof.hosts import target as targets
from proof.whole_host import declarations


def test_the_projects_own_list_names_tasks_and_sections_that_exist() -> None:
    tasks = {feature.task for feature in feature_files.read_all(FEATURES)}
    changes = harmless.read()
    assert len({change.name for change in changes}) == len(changes) > 0
    for change in changes:
        assert set(change.tasks) <= tasks, change.name
        assert all(set(each) == {"section", "name"} for each in change.declared), change.name


@pytest.mark.parametrize("text", ["", "- name: x", "- {name: x, tasks: [], run: y, declare: []}", "["])
def test_a_list_that_cannot_be_read_is_no_empty_one(tmp_path: Path, text: str) -> None:
    (tmp_path / "harmless.yml").write_text(text)
    with pytest.raises(UsageError, match="holds no list of harmless changes"):
        harmless.read(tmp_path / "harmless.yml")


def test_what_a_change_adds_is_declared_in_the_copy(tmp_path: Path) -> None:
    copy = tmp_path / "provision" / "inventory"
    copy.mkdir(parents=True)
    (copy / "lab.yml").write_bytes((PROVISION / "inventory" / "lab.yml").read_bytes())
    (copy / "group_vars").symlink_to(PROVISION / "inventory" / "group_vars")
    (tmp_path / "provision" / "ansible.cfg").write_bytes((PROVISION / "ansible.cfg").read_bytes())
    change = harmless.Harmless("swap", ("1.4.3",), "true", ({"section": "files", "name": "/swapfile"},))
    harmless.declare(tmp_path, change)
    (one,) = declarations.read(targets.load("lab", tmp_path))
    assert (one.section, one.name, one.reason) == ("files", "/swapfile", "swap")
