"""What a task's verdicts are made from."""

from pathlib import Path

import pytest

from proof.evidence import provenance

FILES = {
    "features/task_1.1.feature": "Feature: one",
    "features/task_1.2.feature": "Feature: two",
    "steps/conftest.py": "from proof.clients import ask\nfrom steps import whole_host",
    "steps/whole_host.py": "from proof.whole_host import comparison",
    "steps/shared/units.py": "",
    "provision/confirm.sh": "",
    "provision/site.yml": "",
    "steps/test_task_1_1.py": "from steps.conftest import x\nfrom proof import probes\nfrom proof.probes import own\n"
    'SCRIPT = sources.provision() / "confirm.sh"\nPLAYBOOK = sources.provision() / "site.yml"\n',
    "steps/test_task_1_2.py": "def late():\n    from steps import whole_host",
    "proof/clients/__init__.py": "",
    "proof/clients/ask.py": "from proof.parsers.table import read",
    "proof/parsers/table.py": "def read(): ...",
    "proof/probes/own.py": "",
    "proof/report/terminal.py": "",
    "proof/whole_host/comparison.py": "",
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path


@pytest.mark.parametrize(
    ("changed", "moved"),
    [
        ("features/task_1.1.feature", (True, False)),
        ("steps/test_task_1_1.py", (True, False)),
        ("steps/shared/units.py", (True, True)),
        ("proof/probes/own.py", (True, False)),
        ("proof/parsers/table.py", (True, True)),
        ("proof/report/terminal.py", (False, False)),
        ("provision/confirm.sh", (True, False)),
        ("provision/site.yml", (False, False)),
        ("proof/whole_host/comparison.py", (False, True)),
    ],
)
def test_a_task_depends_on_its_steps_and_on_what_they_ask_with(
    root: Path, changed: str, moved: tuple[bool, bool]
) -> None:
    features = [root / "features" / f"task_{task}.feature" for task in ("1.1", "1.2")]
    before = [provenance.task_content(root, feature) for feature in features]
    (root / changed).write_text(f"{FILES[changed]}\n# another line\n")
    after = [provenance.task_content(root, feature) for feature in features]
    assert tuple(old != new for old, new in zip(before, after, strict=True)) == moved
