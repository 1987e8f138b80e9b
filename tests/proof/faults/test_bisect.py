"""The search for the task that broke a criterion."""

import math
import subprocess
from pathlib import Path

import pytest

from lab import stages
from lab.errors import UsageError
from lab.paths import ROOT
from proof.faults import bisect
from proof.gherkin import feature_files
from proof.gherkin.feature_files import Rule, Scenario

TASKS = stages.tasks()


@pytest.mark.parametrize("place", range(len(TASKS)))
def test_wherever_the_fault_came_in_it_is_found_in_five_questions(place: int) -> None:
    asked = []

    def is_red(task: str) -> bool:
        asked.append(task)
        return TASKS.index(task) >= place

    assert bisect.first_red(TASKS, is_red) == TASKS[place]
    assert len(asked) <= math.ceil(math.log2(20))


def test_what_is_never_red_is_found_nowhere() -> None:
    assert bisect.first_red(TASKS, lambda _: False) is None
    assert bisect.first_red(["2.1.4"], lambda _: True) == "2.1.4"


@pytest.mark.parametrize(
    ("task", "way"),
    [("1.2.4", "fresh"), ("1.2.7", "fresh"), ("1.3.1", "public"), ("1.3.2", "vpn"), (TASKS[-1], "vpn")],
)
def test_each_state_is_asked_where_its_ssh_is(task: str, way: str) -> None:
    assert bisect.way_after(task) == way


def test_a_criterion_is_named_by_a_part_of_its_sentence() -> None:
    features = feature_files.read_all(ROOT / "features")
    feature, rule = bisect.named(features, "its image is pinned")
    assert (feature.task, rule.name.split(",")[0]) == ("2.1.1", "Its image is pinned")
    for text in ("no such words", "the"):
        with pytest.raises(UsageError):
            bisect.named(features, text)


def test_the_commit_is_found_that_made_a_criterion_red(tmp_path: Path) -> None:
    """The lab and pytest of the commits are stand-ins; git is not. One commit has no lab that comes up."""

    def git(*arguments: str) -> str:
        identity = ("-c", "user.name=a", "-c", "user.email=a@localhost")
        done = subprocess.run(
            ["git", "-C", str(tmp_path), *identity, *arguments], check=True, capture_output=True, text=True
        )
        return done.stdout.strip()

    git("init", "--quiet")
    for name in ("proof", "pytest"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").touch()
    (tmp_path / "pytest" / "__main__.py").write_text(
        "import pathlib, sys\n"
        "assert sys.argv[1:] == ['--host=lab', '--rule', 'It holds', '-m', 'not disruptive'], sys.argv\n"
        "sys.exit('fault' in pathlib.Path('site.yml').read_text())\n"
    )
    for number in range(6):
        broken = "sys.exit(sys.argv[1] == 'up')" if number == 2 else ""
        (tmp_path / "proof" / "cli.py").write_text(f"import sys\n{broken}\n")
        (tmp_path / "site.yml").write_text(f"{number}{' fault' if number >= 4 else ''}")
        git("add", ".")
        git("commit", "--quiet", "--message", f"Change {number}")
        if number == 0:
            good = git("rev-parse", "HEAD")
    scenario = Scenario("It does", 3, frozenset(), (), ((),))
    found = bisect.first_commit(Rule("It holds", 2, (scenario,)), good, tmp_path)
    assert found is not None
    assert found.partition(" ")[2] == "Change 4"
    assert git("worktree", "list").count("\n") == 0
    (tmp_path / "site.yml").write_text("mended")
    git("commit", "--quiet", "--all", "--message", "Mend")
    assert bisect.first_commit(Rule("It holds", 2, (scenario,)), good, tmp_path) is None
