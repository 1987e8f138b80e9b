"""Finds the task after which a criterion is red, from the stored states of the lab, or the commit, with git bisect."""

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from lab import inventory, ssh_access, stages, tools
from lab.errors import LabError, UsageError
from lab.paths import ROOT
from proof.evidence.run_folder import slug
from proof.faults import sabotage
from proof.gherkin import feature_files
from proof.gherkin.feature_files import CALM, WHOLE_HOST, Feature, FeatureSyntaxError, Rule
from proof.hosts import lab_lock, recorded_lab
from proof.hosts.recorded_lab import LabControl

# Where the administrator's SSH is after a task, until the next one moves it. Before the first they have no key there.
WAYS = {"1.2.4": "fresh", "1.3.1": "public", "1.3.2": "vpn"}
# For git bisect: 0 green, 1 red, 125 a commit of which that cannot be told. $0 is Python, $1 the Rule, $2 the marks.
TRY = """
"$0" -m proof.cli up || exit 125
"$0" -m pytest --host=lab --rule "$1" -m "$2"
case $? in 0 | 1) exit $? ;; *) exit 125 ;; esac
"""


def first_red(tasks: Sequence[str], is_red: Callable[[str], bool]) -> str | None:
    """The first task after which something is red, by asking after as few of them as can be; None if it never is.

    What is red after a task stays so: the last one is asked only if no other was found.
    """
    low, high = 0, len(tasks) - 1
    seen = False
    while low < high:
        middle = (low + high) // 2
        if is_red(tasks[middle]):
            high, seen = middle, True
        else:
            low = middle + 1
    return tasks[low] if (seen and low < len(tasks) - 1) or is_red(tasks[low]) else None


def way_after(task: str) -> str:
    """The endpoint of the lab at which the administrator logs in after a task."""
    tasks = stages.tasks()
    return [way for since, way in WAYS.items() if tasks.index(since) <= tasks.index(task)][-1]


def named(features: Sequence[Feature], text: str) -> tuple[Feature, Rule]:
    """The one criterion whose sentence contains a text. Raises UsageError."""
    found = [(feature, rule) for feature in features for rule in feature.rules if text.lower() in rule.name.lower()]
    if len(found) != 1:
        some = "; ".join(f"{feature.task} {rule.name}" for feature, rule in found[:5])
        raise UsageError(f"{len(found)} criteria contain {text!r}.", some or "lab sabotage --list names criteria")
    return found[0]


def after(lab: LabControl, feature: Feature, rule: Rule, task: str) -> bool:
    """Whether a criterion is red after a task. Raises LabError if that cannot be told."""
    calm = [scenario for scenario in rule.scenarios if not scenario.disruptive]
    for number, batch in enumerate(sabotage.batches(calm or rule.scenarios), start=1):
        if number == 1:
            lab.up(task)
        lab.reset()
        lab_lock.touch(ROOT)
        ssh_access.lead(inventory.variables(), way_after(task))
        folder = ROOT / "build" / "bisect" / f"{slug(rule.name)}-{task}-{number}"
        run, finished = sabotage.prove(ROOT, feature.task, rule.name, batch, folder)
        if run is None:
            raise LabError(f"The criterion could not be tried after {task}.", f"see {folder / 'pytest.txt'}")
        verdict = sabotage.judge(run, rule.name, finished.exit_status)
        print(
            f"after {task}: {'red' if verdict.outcome == 'caught' else verdict.outcome}  {verdict.detail}", flush=True
        )
        if verdict.outcome == "error":
            raise LabError(f"The criterion could not be tried after {task}: {verdict.detail}", f"see {folder}")
        if verdict.outcome == "caught":
            return True
    return False


def first_commit(rule: Rule, since: str, root: Path = ROOT) -> str | None:
    """The first commit after another one at which a criterion is red, in a working tree and a lab of its own.

    Args:
        rule: the criterion, called so at every commit; where it is not there, the commit is passed over.
        since: a commit at which it is green.
        root: the checkout.

    Returns:
        The commit's name and subject; None if it is green at HEAD.

    Raises:
        LabError: git failed, or too many commits cannot be tried.
    """
    marks = CALM if any(not scenario.disruptive for scenario in rule.scenarios) else ""
    attempt = ["sh", "-c", TRY, sys.executable, rule.name, marks]
    with _working_tree(root) as tree:
        if subprocess.run(attempt, cwd=tree, check=False).returncode == 0:
            return None
        _git(tree, "bisect", "start", "HEAD", since)
        if subprocess.run(["git", "bisect", "run", *attempt], cwd=tree, check=False).returncode != 0:
            raise LabError("git could not find the commit.", "what it tried is printed above")
        return _git(tree, "show", "--no-patch", "--format=%h %s", "refs/bisect/bad")


@contextmanager
def _working_tree(root: Path) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="mail-lab-bisect-") as folder:
        tree = Path(folder) / "tree"
        _git(root, "worktree", "add", "--quiet", "--detach", str(tree))
        try:
            yield tree
        finally:
            subprocess.run([sys.executable, "-m", "proof.cli", "destroy"], cwd=tree, check=False)
            _git(root, "worktree", "remove", "--force", str(tree))


def _git(folder: Path, *arguments: str) -> str:
    return tools.run(["git", "-C", folder, *arguments], f"git {arguments[0]}").strip()


def main(arguments: Sequence[str] | None = None) -> int:
    """Search. Returns 0 if the task or commit was found, 1 if the criterion is red after none. Raises LabError."""
    parser = argparse.ArgumentParser(
        prog="lab bisect",
        description="Find the task after which a criterion that is red now was red first. Each step restores a stored "
        "state of the lab, or provisions up to it, and runs the criterion's scenarios, the calm ones if it has any.",
        epilog="Exit status: 0 found, 1 it is red nowhere, 12 the lab broke.",
    )
    parser.add_argument("criterion", metavar="TEXT", help="a part of its sentence")
    parser.add_argument(
        "--since", metavar="COMMIT", help="find the first commit instead, after this one, at which it was green"
    )
    options = parser.parse_args(arguments)
    try:
        feature, rule = named(feature_files.read_all(ROOT / "features"), options.criterion)
    except FeatureSyntaxError as error:
        raise UsageError(str(error)) from error
    if options.since:
        commit = first_commit(rule, options.since)
        print(f"{rule.name!r} is {f'red first at {commit}' if commit else 'green at HEAD'}.")
        return 0 if commit else 1
    tasks = stages.tasks()
    first = tasks.index(next(iter(WAYS)))
    own = first if feature.task == WHOLE_HOST or feature.task not in tasks else max(first, tasks.index(feature.task))
    lab = recorded_lab.open_lab()
    with lab_lock.alone(ROOT):
        try:
            found = first_red(tasks[own:], lambda task: after(lab, feature, rule, task))
        finally:
            lab.up()
            lab_lock.was_reset(ROOT)
    if found is None:
        print(f"{rule.name!r} is red after no task.")
        return 1
    before = " or before" if found == tasks[own] != feature.task else ""
    print(f"{rule.name!r} is red first after {found}{before}: provision/task_{found}.yml")
    return 0
