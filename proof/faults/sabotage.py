"""Tests the tests: each sabotage breaks a freshly reset lab, and its criterion must turn red."""

import argparse
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from lab.errors import UsageError
from lab.paths import INSTALLATION, ROOT, STATE
from proof import process
from proof.deployment import sources
from proof.evidence import sabotage_results
from proof.evidence.record import Run
from proof.evidence.run_folder import slug, utc_now
from proof.evidence.sabotage_results import Outcome, Result
from proof.gherkin import feature_files, sabotage_files
from proof.gherkin.feature_files import CALM, Feature, FeatureSyntaxError, Scenario
from proof.gherkin.sabotage_files import RUNNER, Sabotage
from proof.hosts import lab_lock, recorded_lab
from proof.hosts.recorded_lab import LabControl
from proof.report import columns
from proof.report.terminal import duration
from proof.whole_host import reference

SCRIPT_SECONDS = 180.0
PROOF_SECONDS = 900.0
STYLES = {"caught": "green", "survived": "bold red", "error": "red"}
RED = ("criterion", "unreachable")  # failures that are the criterion's own


@dataclass(frozen=True)
class Verdict:
    """What a run on the broken host showed: `detail` is the scenario that caught it, or what went wrong."""

    outcome: Outcome
    detail: str


def batches(scenarios: Sequence[Scenario]) -> list[list[Scenario]]:
    """The runs that a sabotage needs: a disruptive scenario leaves a host that the next must not inherit."""
    calm = [scenario for scenario in scenarios if not scenario.disruptive]
    rough = [scenario for scenario in scenarios if scenario.disruptive]
    return [group for group in [calm + rough[:1], *([scenario] for scenario in rough[1:])] if group]


def judge(run: Run, rule: str, exit_status: int) -> Verdict:
    """The verdict of one run on a broken host."""
    for scenario in run.scenarios:
        failure = scenario.failure
        if failure is None:
            continue
        if failure.kind in RED and scenario.rule == rule:
            return Verdict("caught", scenario.name)
        return Verdict("error", f"{scenario.name}: {failure.message.splitlines()[0]}")
    if run.lab_error:
        return Verdict("error", f"the lab broke: {run.lab_error.splitlines()[0]}")
    if exit_status != 0 or not run.scenarios:
        return Verdict("error", f"the run ended with status {exit_status} and no failed scenario")
    skipped = [scenario.name for scenario in run.scenarios if scenario.state != "passed"]
    if len(skipped) == len(run.scenarios):
        return Verdict("error", f"nothing ran: {', '.join(skipped)}")
    return Verdict("survived", "")


def prove(
    root: Path,
    task: str,
    rule: str,
    scenarios: Sequence[Scenario],
    folder: Path,
    copy: Path | None = None,
) -> tuple[Run | None, process.Finished]:
    """Run scenarios of one Rule on the lab in its present state; no record if pytest did not get that far.

    `copy` is a folder that scenarios take for the project's own: what the operator runs at home.
    """
    steps = root / "steps" / f"test_{feature_files.stem(task).replace('.', '_')}.py"
    where = [str(steps)] if steps.exists() else ["-m", f"task-{task}"]
    names = [word for scenario in scenarios for word in ("--scenario", scenario.name)]
    return run_pytest(root, folder, ["--exitfirst", "--rule", rule, *names, *where], copy)


def run_pytest(
    root: Path, folder: Path, arguments: Sequence[str], copy: Path | None = None
) -> tuple[Run | None, process.Finished]:
    """Run pytest on the lab in its present state, with its record in a new folder; `copy` as for `prove`."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    done = process.run(
        [
            *(sys.executable, "-m", "pytest", "--host=lab", "--no-reset", "-q"),
            *("-p", "no:cacheprovider", f"--run-folder={folder}"),
            *arguments,
        ],
        timeout=PROOF_SECONDS,
        cwd=root,
        env={**os.environ, sources.VARIABLE: str(copy)} if copy else None,
    )
    (folder / "pytest.txt").write_text(done.stdout + done.stderr)
    try:
        return Run.read(folder / "run.json"), done
    except (OSError, ValueError):
        return None, done


def attempt(lab: LabControl, root: Path, sabotage: Sabotage, scenarios: Sequence[Scenario]) -> Verdict:
    """Inject one fault, and run the scenarios of its Rule. Raises LabError."""
    verdict = Verdict("error", f"no Rule reads {sabotage.rule!r}")
    for number, batch in enumerate(batches(scenarios), start=1):
        folder = root / "build" / "sabotage" / f"{sabotage.task}-{slug(sabotage.name)}-{number}"
        copy, exit_status, said = _inject(lab, root, sabotage, folder)
        if exit_status != 0:
            last = said.strip().splitlines()[-1] if said.strip() else "no word"
            return Verdict("error", f"the sabotage itself ended with status {exit_status}: {last}")
        run, finished = prove(root, sabotage.task, sabotage.rule, batch, folder, copy)
        if run is None:
            words = (finished.stderr + finished.stdout).strip().splitlines()
            ended = "did not end in time" if finished.timed_out else f"ended with {finished.exit_status}"
            return Verdict("error", f"pytest {ended}: {words[0] if words else 'no word'}")
        verdict = judge(run, sabotage.rule, finished.exit_status)
        if verdict.outcome != "survived":
            return verdict
    return verdict


def all_red(lab: LabControl, root: Path, sabotage: Sabotage) -> tuple[str, ...] | None:
    """All criteria whose calm scenarios one fault turns red; None if that could not be asked. Raises LabError."""
    folder = root / "build" / "sabotage" / f"{sabotage.task}-{slug(sabotage.name)}-all"
    copy, exit_status, _ = _inject(lab, root, sabotage, folder)
    run, _ = run_pytest(root, folder, ["-m", CALM], copy)
    if exit_status != 0 or run is None or run.lab_error:
        return None
    failed = (one for one in run.scenarios if one.failure is not None and one.failure.kind in RED)
    return tuple(sorted({f"{one.task} {one.rule}" for one in failed}))


def _inject(lab: LabControl, root: Path, sabotage: Sabotage, folder: Path) -> tuple[Path | None, int, str]:
    """Break a freshly reset lab, or a copy of the operator's files beside `folder`.

    Returns:
        The copy if there is one, and exit status and output of the script.
    """
    lab.reset()
    lab_lock.touch(root)
    if sabotage.on != RUNNER:
        return None, *_break_node(lab, sabotage)
    copy = folder.with_name(f"{folder.name}-copy")
    return copy, *_break_copy(root, copy, sabotage)


def _break_node(lab: LabControl, sabotage: Sabotage) -> tuple[int, str]:
    """Run the script out of band; returns exit status and output."""
    done = lab.exec(sabotage.on, ["bash", "-euc", sabotage.run], timeout=SCRIPT_SECONDS)
    return done.exit_status, (done.stderr or done.stdout).decode(errors="replace")


def lay_out(root: Path, copy: Path) -> None:
    """Make the copy of the operator's files again."""
    shutil.rmtree(copy, ignore_errors=True)
    for name in sources.COPIED:
        shutil.copytree(root / name, copy / name, ignore=shutil.ignore_patterns(*INSTALLATION))
    (copy / STATE.name).symlink_to(root / STATE.name)  # the lab's own settings of ssh


def _break_copy(root: Path, copy: Path, sabotage: Sabotage) -> tuple[int, str]:
    """Run the script in a copy of the operator's files; returns exit status and output."""
    lay_out(root, copy)
    done = process.run(["bash", "-euc", sabotage.run], timeout=SCRIPT_SECONDS, cwd=copy)
    return done.exit_status, done.stderr or done.stdout


def chosen(
    features: Sequence[Feature], tasks: Sequence[str], names: Sequence[str]
) -> Iterator[tuple[Feature, Sabotage]]:
    """The sabotages of these tasks and names, all if nothing is named. Raises UsageError for unknown tasks."""
    known = {feature.task for feature in features}
    for task in tasks:
        if task not in known:
            raise UsageError(f"There is no task {task!r}; there are features for: {', '.join(sorted(known))}.")
    for feature in features:
        if tasks and feature.task not in tasks:
            continue
        for sabotage in sabotage_files.read(feature.path, feature.task):
            if not names or any(name.lower() in sabotage.name.lower() for name in names):
                yield feature, sabotage


def rest(work: Sequence[tuple[Feature, Sabotage]], results: Sequence[Result]) -> list[tuple[Feature, Sabotage]]:
    """Those of some sabotages that were not caught, or are others since."""
    caught = {(*result.key, result.content) for result in results if result.outcome == "caught"}
    return [(feature, one) for feature, one in work if (one.task, one.rule, one.name, one.content) not in caught]


def already_red(root: Path) -> set[tuple[str, str]]:
    """Criteria that failed in the last run against the lab: a sabotage of them would prove nothing."""
    try:
        run = Run.read(root / "build" / "runs" / "last" / "run.json")
    except (OSError, ValueError):
        return set()
    if run.target != "lab":
        return set()
    return {(scenario.task, scenario.rule) for scenario in run.scenarios if scenario.state == "failed"}


def perform(
    lab: LabControl,
    root: Path,
    work: Sequence[tuple[Feature, Sabotage]],
    say: Callable[[str], None],
    *,
    matrix: bool = False,
) -> list[Result]:
    """Try every sabotage, one after the other; each result is stored immediately. Raises LabError.

    Args:
        lab: reset before each.
        root: the checkout.
        work: sabotages with their features.
        say: told each result.
        matrix: whether each is also tried against the calm scenarios of all criteria.
    """
    log = root / "build" / sabotage_results.LOG
    before = {result.key: result.seconds for result in sabotage_results.read(log)}
    usual = sum(before.values()) / len(before) if before else 15.0
    expected = [before.get((one.task, one.rule, one.name), usual) for _, one in work]
    red = already_red(root)
    results: list[Result] = []
    for number, (feature, one) in enumerate(work, start=1):
        started = time.monotonic()
        scenarios = [each for rule in feature.rules if rule.name == one.rule for each in rule.scenarios]
        if (one.task, one.rule) in red:
            verdict = Verdict("error", "the criterion failed in the last run already, without a sabotage")
        else:
            verdict = attempt(lab, root, one, scenarios)
        result = Result(
            task=one.task,
            rule=one.rule,
            name=one.name,
            outcome=verdict.outcome,
            detail=verdict.detail,
            seconds=round(time.monotonic() - started, 1),
            at=utc_now(),
            content=one.content,
            red=all_red(lab, root, one) if matrix else None,
        )
        results.append(result)
        sabotage_results.keep(log, result)
        left = sum(expected[number:])
        rest = f", about {duration(left)} left" if number < len(work) else ""
        say(
            f"[{number}/{len(work)}] {result.outcome.upper():8} {one.task} {one.name}"
            f"  ({duration(result.seconds)}{rest})"
        )
    return results


def table(results: Sequence[Result]) -> Table:
    """Sabotages with their outcomes."""
    shown = Table(title="Sabotages", title_justify="left", pad_edge=False)
    for column in ("task", "criterion", "sabotage", "outcome", "by, or why"):
        shown.add_column(column, overflow="fold")
    shown.add_column("time", justify="right", no_wrap=True)
    for result in results:
        shown.add_row(
            *(Text(text) for text in (result.task, result.rule, result.name)),
            Text(result.outcome, style=STYLES[result.outcome]),
            Text(result.detail),
            duration(result.seconds),
        )
    return shown


def main(arguments: Sequence[str] | None = None) -> int:
    """Run sabotages; returns 1 if one survived or could not be tried. Raises LabError."""
    parser = argparse.ArgumentParser(
        prog="lab sabotage",
        description="Inject one fault at a time into a freshly reset lab; its criterion must turn red each time.",
        epilog="Exit status: 0 all were caught, 1 one survived or could not be tried, 12 the lab broke.",
    )
    parser.add_argument("--task", action="append", default=[], metavar="X.Y.Z", help="only sabotages of a task")
    parser.add_argument(
        "--name", action="append", default=[], metavar="TEXT", help="only sabotages whose name contains this text"
    )
    parser.add_argument(
        "--rest", action="store_true", help="only those that were not caught yet in this checkout, as they are now"
    )
    parser.add_argument(
        "--matrix", action="store_true", help="also try each against all criteria, as far as they break nothing"
    )
    parser.add_argument("--list", action="store_true", help="list the sabotages and do nothing else")
    options = parser.parse_args(arguments)
    try:
        work = list(chosen(feature_files.read_all(ROOT / "features"), options.task, options.name))
    except FeatureSyntaxError as error:
        raise UsageError(str(error)) from error
    if not work:
        raise UsageError("No sabotage has that task and that name.")
    if options.rest:
        work = rest(work, sabotage_results.read(ROOT / "build" / sabotage_results.LOG))
        if not work:
            print("Each of them was caught.")
            return 0
    if options.list:
        for _, one in work:
            print(f"{one.task}  {one.name}  -> {one.rule}")
        return 0
    return _run(work, matrix=options.matrix)


def _run(work: Sequence[tuple[Feature, Sabotage]], *, matrix: bool) -> int:
    lab = recorded_lab.open_lab()
    with lab_lock.alone(ROOT):
        lab.up()
        reference.require(lab)
        started = time.monotonic()
        try:
            results = perform(lab, ROOT, work, lambda line: print(line, flush=True), matrix=matrix)
        finally:
            lab.reset()
            lab_lock.was_reset(ROOT)
    console = Console(highlight=False, width=columns.width())
    console.print(table(results))
    bad = [result for result in results if result.outcome != "caught"]
    survived = sum(result.outcome == "survived" for result in bad)
    sentence = f"{len(results) - len(bad)} of {len(results)} sabotages caught"
    if survived:
        sentence += f", {survived} survived"
    if len(bad) > survived:
        sentence += f", {len(bad) - survived} could not be tried"
    style = "bold red" if bad else "bold green"
    console.print(Text(f"{sentence}, in {duration(time.monotonic() - started)}.", style=style))
    return 1 if bad else 0
