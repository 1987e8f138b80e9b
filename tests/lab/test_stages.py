from collections.abc import Mapping
from pathlib import Path

import pytest

from lab import stages
from lab.errors import LabError, UsageError
from lab.paths import PROVISION


class Tree:
    """A provisioning tree of two tasks: the first uses role `a` (which depends on `b`), the second a module."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.write("ansible.cfg", "[defaults]\n")
        self.write("task_1.2.1.yml", "- ansible.builtin.import_playbook: first.yml\n")
        self.write("first.yml", "- hosts: mail\n  vars_files: [common.yml]\n  roles: [{role: a, x: 1}]\n")
        self.write("common.yml", "---\n")
        self.write("roles/a/tasks/main.yml", "- ansible.builtin.import_tasks: more.yml\n")
        self.write("roles/a/tasks/more.yml", "- name: x\n  block:\n    - ansible.builtin.command: 'true'\n")
        self.write("roles/a/meta/main.yml", "dependencies:\n  - role: b\n")
        self.write("roles/a/templates/conf.j2", "{{ port }}")
        self.write("roles/b/files/script.sh", "exit 0\n")
        self.write("roles/unused/tasks/main.yml", "---\n")
        self.write("library/dpkg_facts.py", "pass\n")
        self.write("library/other.py", "pass\n")
        self.write("task_1.10.1.yml", "- import_playbook: second.yml\n")
        self.write("second.yml", "- hosts: mail\n  tasks:\n    - dpkg_facts:\n    - include_role: {name: c}\n")
        self.write("roles/c/tasks/main.yml", "- ansible.builtin.debug:\n    msg: !unsafe '{{ x'\n")

    def write(self, path: str, text: str) -> None:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def used(self, playbook: str) -> set[str]:
        return {str(path.relative_to(self.root)) for path in stages.closure(self.root / playbook)}

    def keys(
        self, root: str = "bare lab", start: str = "fresh", variables: Mapping[str, object] | None = None
    ) -> list[str]:
        """Of the bare lab and of both tasks."""
        return [stage.key for stage in stages.plan(root, start, variables or {}) if stage.task != stages.FRESH]


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tree:
    monkeypatch.setattr(stages, "PROVISION", tmp_path / "provision")
    return Tree(tmp_path / "provision")


def test_tasks_are_in_the_order_of_their_numbers(tree: Tree) -> None:
    assert stages.tasks() == ["1.2.1", "1.10.1"]
    assert [stage.task for stage in stages.plan("", "", {})] == ["bare", "fresh", "1.2.1", "1.10.1"]
    assert tree.root / "task_1.2.1.yml" == stages.plan("", "", {})[2].playbook


def test_everything_that_a_task_uses_belongs_to_it(tree: Tree) -> None:
    role_a = {"roles/a/tasks/main.yml", "roles/a/tasks/more.yml", "roles/a/meta/main.yml", "roles/a/templates/conf.j2"}
    first = {"task_1.2.1.yml", "first.yml", "common.yml", "roles/b/files/script.sh"}
    assert tree.used("task_1.2.1.yml") == first | role_a
    second = {"task_1.10.1.yml", "second.yml", "library/dpkg_facts.py", "roles/c/tasks/main.yml"}
    assert tree.used("task_1.10.1.yml") == second


@pytest.mark.parametrize(
    ("path", "changed"),
    [
        ("second.yml", [False, False, True]),
        ("roles/c/tasks/main.yml", [False, False, True]),
        ("library/dpkg_facts.py", [False, False, True]),
        ("library/other.py", [False, False, False]),
        ("roles/unused/tasks/main.yml", [False, False, False]),
        ("roles/a/templates/conf.j2", [False, True, True]),
        ("roles/b/files/script.sh", [False, True, True]),
        ("common.yml", [False, True, True]),
        ("ansible.cfg", [False, True, True]),
    ],
)
def test_a_change_moves_its_own_stage_and_what_follows(tree: Tree, path: str, changed: list[bool]) -> None:
    before = tree.keys()
    tree.write(path, "# changed\n" + ((tree.root / path).read_text() if (tree.root / path).exists() else ""))
    assert [old != new for old, new in zip(before, tree.keys(), strict=True)] == changed


@pytest.mark.parametrize(
    ("changed", "moved"),
    [
        ({"port": 23}, [False, True, True]),
        ({"own": 2}, [False, False, True]),
        ({"deep": 2}, [False, False, True]),
        ({"elsewhere": 2}, [False, False, False]),
        ({"ansible_pipelining": True}, [False, True, True]),
    ],
)
def test_a_variable_moves_the_stages_that_name_it(tree: Tree, changed: dict[str, object], moved: list[bool]) -> None:
    """By itself or through another variable; what only Ansible reads counts for every stage."""
    tree.write("roles/c/tasks/main.yml", "- ansible.builtin.debug:\n    msg: '{{ own }} {{ through }}'\n")
    variables: dict[str, object] = {"port": 22, "own": 1, "through": "{{ deep }}", "deep": 1, "elsewhere": 1}
    before, after = tree.keys(variables=variables), tree.keys(variables={**variables, **changed})
    assert [old != new for old, new in zip(before, after, strict=True)] == moved


def test_what_a_role_takes_from_outside_is_content_of_its_stage(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stages, "OUTSIDE", {"c": "outside"})
    tree.write("../outside/10_tables.sql", "CREATE TABLE a ();")
    before = tree.keys()
    tree.write("../outside/10_tables.sql", "CREATE TABLE b ();")
    changed = tree.keys()
    tree.write("../outside/20_views.sql", "CREATE VIEW c AS SELECT;")
    for old, new in ((before, changed), (changed, tree.keys())):
        assert [one != other for one, other in zip(old, new, strict=True)] == [False, False, True]


def test_the_projects_own_schema_is_content_of_the_mail_database_alone() -> None:
    uses = {task: stages.closure(PROVISION / f"task_{task}.yml") for task in stages.tasks()}
    assert {task for task, files in uses.items() if any(file.suffix == ".sql" for file in files)} == {"2.1.2"}


def test_another_start_moves_everything_but_the_bare_lab(tree: Tree) -> None:
    moved = [old != new for old, new in zip(tree.keys(), tree.keys(start="another"), strict=True)]
    assert moved == [False, True, True]


def test_another_bare_lab_moves_everything(tree: Tree) -> None:
    assert not set(tree.keys()) & set(tree.keys("another box"))


def test_a_file_that_is_added_to_a_role_counts(tree: Tree) -> None:
    before = tree.keys()
    tree.write("roles/a/handlers/main.yml", "---\n")
    assert tree.keys()[1] != before[1]


def test_a_missing_file_is_named(tree: Tree) -> None:
    tree.write("first.yml", "- import_playbook: nowhere.yml\n")
    with pytest.raises(LabError, match=r"task_1\.2\.1\.yml needs .*nowhere\.yml"):
        stages.plan("", "", {})


def test_a_name_that_only_ansible_knows_is_refused(tree: Tree) -> None:
    tree.write("first.yml", '- hosts: mail\n  tasks:\n    - include_tasks: "{{ os }}.yml"\n')
    with pytest.raises(LabError, match="by a template"):
        stages.plan("", "", {})


def test_variables_that_the_target_names_are_no_content(tree: Tree) -> None:
    tree.write("first.yml", '- hosts: mail\n  tasks:\n    - include_vars: {file: "{{ keys }}"}\n')
    assert tree.used("task_1.2.1.yml") == {"task_1.2.1.yml", "first.yml"}


def test_stopping_at_a_task(tree: Tree) -> None:
    plan = stages.plan("", "", {})
    assert stages.until(plan, None) == plan
    assert [stage.task for stage in stages.until(plan, "1.2.1")] == ["bare", "fresh", "1.2.1"]
    assert stages.until(plan, "bare") == plan[:1]
    assert tree.root.is_dir()


@pytest.mark.usefixtures("tree")
def test_an_unknown_task_names_the_known_ones() -> None:
    with pytest.raises(UsageError, match=r"no task 1\.2\.9") as raised:
        stages.require_known_task("1.2.9")
    assert raised.value.hint == "The lab can stop at: bare, fresh, 1.2.1, 1.10.1"
    for known in (None, "bare", "fresh", "1.10.1"):
        stages.require_known_task(known)


def test_the_projects_own_playbooks_have_a_plan() -> None:
    assert [stage.task for stage in stages.plan("", "", {})][:3] == ["bare", "fresh", "1.2.1"]
