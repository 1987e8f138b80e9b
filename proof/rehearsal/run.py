"""`lab rehearse`: runs the suite against the lab's mail as if it were production; nothing of it may stay there."""

import argparse
import contextlib
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence, Set
from pathlib import Path

from lab import logins, stages, starting_states
from lab.errors import LabError
from lab.paths import BUILD, ROOT
from lab.progress import step
from lab.starting_states import State
from lab.waiting import wait_until
from proof.deployment import terraform
from proof.evidence.run_folder import RunFolder
from proof.hosts import lab_lock, recorded_lab
from proof.hosts.connections import HUB, MAIL
from proof.hosts.recorded_lab import LabControl
from proof.hosts.target import Target
from proof.rehearsal import from_scratch, rehearsed, stand_in
from proof.whole_host import comparison, exceptions, reference
from proof.whole_host.comparison import HostSnapshot

REHEARSALS = BUILD / "rehearsals"
WHOLE_HOST = ("-m", "whole-host")
LOGOUT_SECONDS = 60.0
# What cannot hold here, by its node: the rest of the suite must be green all the same.
NOT_REHEARSED = {
    "steps/test_task_1_1_1.py::test_it_has_the_memory_and_the_disk_of_the_plan": "the lab's mail is a smaller machine",
    "steps/test_whole_host.py::test_the_clock_is_right": "the lab's clock stands still while its state is stored",
}
RUNNERS_LINK = "runner"  # the hub's interface towards this machine


def take(lab: LabControl, target: Target) -> HostSnapshot:
    """A snapshot of mail with the rows of its database, taken out of band. Raises LabError."""
    left_out = exceptions.left_out(target, exceptions.TIME, exceptions.OWN_FILES)
    return reference.take_out_of_band(lab, reference.settings(target, left_out, rows=True))


def await_logout(lab: LabControl, known: Set[str]) -> None:
    """Wait until the run's own logins and everything they started have ended. Raises LabError."""
    try:
        wait_until(lambda: known >= set(logins.units(lab.exec, MAIL)), "the run's logins to end", LOGOUT_SECONDS)
    except AssertionError as error:
        stay = ", ".join(sorted(set(logins.units(lab.exec, MAIL)) - known))
        raise LabError(
            f"The run is over, but its logins on mail have not ended: {stay}.", "lab exec mail -- loginctl"
        ) from error


@contextlib.contextmanager
def slow_line(lab: LabControl, milliseconds: int) -> Iterator[None]:
    """Delay every answer to this machine by so many milliseconds."""
    if not milliseconds:
        yield
        return
    _tc(lab, "add", "netem", "delay", f"{milliseconds}ms")
    try:
        yield
    finally:
        _tc(lab, "del")


def _tc(lab: LabControl, verb: str, *how: str) -> None:
    done = lab.exec(HUB, ["tc", "qdisc", verb, "dev", RUNNERS_LINK, "root", *how])
    if done.exit_status != 0:
        raise LabError(f"The line to the hub cannot be delayed: {done.stderr.decode(errors='replace').strip()}")


def prove(folder: Path, arguments: Sequence[str]) -> int:
    """Run the operator's command in the stand-in's folder; returns its exit status."""
    program = str(Path(sys.executable).with_name("pytest"))
    left_out = [f"--deselect={node}" for node in NOT_REHEARSED]
    for node, reason in NOT_REHEARSED.items():
        print(f"Not rehearsed: {node.partition('::')[2]} ({reason})", flush=True)
    argv = [program, f"--host={stand_in.TARGET}", f"--run-folder={folder}", *left_out, *arguments]
    return subprocess.run(argv, cwd=stand_in.FOLDER, check=False).returncode


def main(arguments: Sequence[str] | None = None) -> int:
    """Rehearse. Returns pytest's exit status, or 1 if the run left something behind. Raises LabError."""
    parser = argparse.ArgumentParser(
        prog="lab rehearse",
        description="Run the suite against the lab's mail as target vultr: over SSH alone, without control of it. "
        "Any difference on the host afterwards, except logs and records of logins, is a failure.",
        epilog="Further arguments are pytest's. Exit status: pytest's own, and 1 if something was left behind.",
    )
    parser.add_argument("--delay", type=int, default=0, metavar="MS", help="delay of every answer in milliseconds")
    parser.add_argument(
        "--from-scratch",
        action="store_true",
        help="first order the server with terraform/deploy.sh from a stand-in of Vultr that hands out a bare VM, and "
        "provision it",
    )
    parser.add_argument(
        "--start",
        action="append",
        default=[],
        choices=list(starting_states.known()),
        help="with --from-scratch: a way in which the fresh server differs from the lab's bare one; may be repeated",
    )
    parser.add_argument(
        "--pairwise",
        action="store_true",
        help="--from-scratch several times, with a selection of these ways in which each two meet; proves the whole "
        "host, if pytest's arguments say nothing else, and writes docs/starting-states.md",
    )
    options, rest = parser.parse_known_args(arguments)
    if options.pairwise:
        return pairwise(rest or WHOLE_HOST)
    lab = recorded_lab.open_lab()
    if options.from_scratch:
        from_scratch.require_terraform()
        return start_as(
            lab,
            starting_states.completed(options.start),
            lambda target, folder: _rehearse(lab, target, folder, options.delay, rest),
        )
    folder = RunFolder.create(REHEARSALS, stand_in.TARGET)
    with _at(lab, None):
        return _rehearse(lab, _from_layer(lab), folder, options.delay, rest)


def pairwise(arguments: Sequence[str]) -> int:
    """Prove a server of each row of the selection of starting states; returns the first exit status that is not 0.

    That the suite leaves nothing behind is what other rehearsals show. Where nothing can be ordered, it says why and
    returns 0.

    Raises:
        LabError: there is no reference to compare with.
    """
    if reason := terraform.why_not():
        print(f"Starting states are not rehearsed: {reason}.", flush=True)
        return 0
    if reference.read_newest() is None:
        raise LabError("There is no reference of this provisioning to compare a host with.", "lab up")
    lab, found = recorded_lab.open_lab(), 0
    for states in starting_states.selection():
        try:
            status = start_as(lab, starting_states.completed(states), lambda _, folder: prove(folder.path, arguments))
        except LabError as error:  # the other rows say as much without this one
            print(error, flush=True)
            status = error.exit_status
        found = found or status
    return found


def start_as(lab: LabControl, states: Sequence[State], judge: Callable[[Target, RunFolder], int]) -> int:
    """Order and provision a server that starts in these states, judge it, and note how that ended.

    Returns:
        The exit status of who judged it.

    Raises:
        LabError: it could not be ordered, provisioned or looked at.
    """
    folder = RunFolder.create(REHEARSALS, stand_in.TARGET)
    with rehearsed.noted(states) as ended, _at(lab, stages.BARE):
        ended.status = judge(_from_scratch(lab, folder, states), folder)
    return ended.status


@contextlib.contextmanager
def _at(lab: LabControl, task: str | None) -> Iterator[None]:
    """The lab to ourselves, after a task, the last if None; reset in the end."""
    with lab_lock.alone(ROOT):
        lab.up(task)
        reference.require(lab)
        lab_lock.touch(ROOT)
        try:
            yield
        finally:
            lab.reset()
            lab_lock.was_reset(ROOT)


def _from_scratch(lab: LabControl, folder: RunFolder, states: Sequence[State]) -> Target:
    target = from_scratch.make(lab, folder.path, states)
    logins.end(lab.exec, MAIL)  # those of the provisioning are no part of the host
    return target


def _from_layer(lab: LabControl) -> Target:
    lab.reset()
    target = stand_in.make()
    stand_in.confirm_host_key(lab)
    return target


def _rehearse(lab: LabControl, target: Target, folder: RunFolder, delay: int, arguments: Sequence[str]) -> int:
    with step("Take a snapshot of mail: every file, and everything else that a run could change"):
        before = take(lab, target)
    known = set(logins.units(lab.exec, MAIL))
    with slow_line(lab, delay):
        status = prove(folder.path, arguments)
    await_logout(lab, known)
    with step("Take a second snapshot"):
        after = take(lab, target)
    found = comparison.differences(before, after, exceptions.TIME)
    folder.path.joinpath("left-behind.txt").write_text("".join(f"{each}\n" for each in found))
    seen = ", ".join(f"{len(names)} {section}" for section, names in after.items())
    for each in found:
        print(each)
    print(f"{len(found) or 'No'} differences on mail before and after, in {seen}.", flush=True)
    return status or (1 if found else 0)
