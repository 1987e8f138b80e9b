"""Two labs side by side: each disruptive scenario runs in the lab that takes it first.

The run that a person starts takes them from the front, a second pytest in a copy of the project takes
them from the back; a file for each scenario says who has it. What the second one found becomes part of the first's
record. If the second lab fails, the first runs what is left.
"""

import hashlib
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, fields
from pathlib import Path

from lab import project_copy, tools
from lab.machine import MEMORY_MIB
from lab.provider import VAGRANT
from lab.waiting import WaitTimeoutError, wait_until
from proof.evidence.record import Evidence, Run, Scenario

WORTH_IT = 6  # scenarios; fewer are done sooner than a second lab is up
PROCESSORS = 4  # one lab keeps two of them busy: on the same two, two labs took 319 s for what took one 322 s
SECONDS_TO_END = 30.0
LONGEST = 1800.0  # seconds that one scenario may take
SETTLED = ("passed", "failed", "skipped")
NAME = "second"


class Claims:
    """Who runs which scenario: a file for each in a folder that both runs see."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def take(self, scenario: Scenario) -> bool:
        """Whether the scenario is the caller's; it is no one else's from then on."""
        try:
            (self._folder / hashlib.sha256(scenario.id.encode()).hexdigest()).touch(exist_ok=False)
        except FileExistsError:
            return False
        return True


def room(asked: bool) -> str:
    """Why this machine has no room for a second lab; empty if it has.

    Args:
        asked: someone wants one, and takes into account that too few processors make it slow.
    """
    processors = len(os.sched_getaffinity(0))
    if processors < PROCESSORS and not asked:
        return f"this machine has {processors} processors, two labs need {PROCESSORS}"
    free, needed = tools.memory_available_mib(), sum(MEMORY_MIB.values())
    if free < needed:
        return f"{free} MiB of memory are available, its VMs may grow to {needed}"
    return ""


@dataclass
class SecondLab:
    """The second run. `folder` receives its record, `process` is its pytest."""

    folder: Path
    claims: Claims
    process: "subprocess.Popen[bytes]"
    _known: dict[str, Scenario] = field(default_factory=dict)

    @classmethod
    def start(cls, run_folder: Path, nodes: Sequence[str]) -> "SecondLab":
        """Begin to run these tests from the last to the first, in a copy of the project. Raises OSError."""
        folder = run_folder / NAME
        claims = folder / "claims"
        made = Claims(claims)
        copy = project_copy.make()
        with (folder / "pytest.txt").open("wb") as sink:
            process = subprocess.Popen(
                tools.with_parent_death_signal(
                    [
                        *(sys.executable, "-m", "pytest", "--host=lab", "-q", "-p", "no:cacheprovider"),
                        *(f"--second-lab-claims={claims}", f"--run-folder={folder}", *nodes),
                    ]
                ),
                cwd=copy,
                env=project_copy.environment(),
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        return cls(folder, made, process)

    def result(self, scenario: Scenario) -> Scenario | None:
        """What the second run found of a scenario that it has taken; None if it ended without a result."""

        def settled() -> bool:
            return self._read(scenario.id) or self.process.poll() is not None

        with suppress(WaitTimeoutError):
            wait_until(settled, f"the second lab to be done with {scenario.name!r}", LONGEST)
            self._read(scenario.id)
        return self._known.get(scenario.id)

    def _read(self, wanted: str) -> bool:
        if wanted not in self._known:
            with suppress(OSError, ValueError):
                run = Run.read(self.folder / "run.json")
                self._known = {one.id: one for one in run.scenarios if one.state in SETTLED}
        return wanted in self._known

    def trouble(self) -> str:
        """Why the second run ended before its work was done; empty if it did not."""
        if self.process.poll() in (None, 0, 1):
            return ""
        try:
            said = Run.read(self.folder / "run.json").lab_error
        except (OSError, ValueError):
            said = ""
        return said.splitlines()[0] if said else f"its pytest ended with status {self.process.returncode}"

    def end(self, *, at_once: bool) -> None:
        """End the second run, which ends its lab; if it does not obey, both are ended for it.

        Args:
            at_once: interrupt what it does; otherwise it has some time to come to its end.
        """
        for number in (0, signal.SIGTERM, signal.SIGKILL)[at_once:]:
            if self.process.poll() is None:
                os.killpg(self.process.pid, number)
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(SECONDS_TO_END)
                break
        if self.process.returncode < 0:
            project_copy.down()


class Sharing:
    """Divides the disruptive scenarios between this run and a second one. Without a second lab, this run has all.

    Args:
        possible: whether this run may leave scenarios to a second lab.
    """

    def __init__(self, *, possible: bool) -> None:
        self.possible = possible
        self.second: SecondLab | None = None
        self._claims: Claims | None = None

    def join(self, claims: Path) -> None:
        """Be the second run: take the scenarios that the first one has not taken."""
        self._claims = Claims(claims)
        self.possible = False

    def start(self, run_folder: Path, nodes: Sequence[str]) -> None:
        """Start a second lab that runs these tests from the last to the first. Raises OSError."""
        self.second = SecondLab.start(run_folder, nodes)
        self._claims = self.second.claims

    def take(self, scenario: Scenario) -> bool:
        """Whether this run is to run the scenario."""
        return self._claims is None or self._claims.take(scenario)

    def adopt(self, scenario: Scenario) -> bool:
        """Take over the second run's result of a scenario, after waiting for it. False if there will be none."""
        result = self.second.result(scenario) if self.second else None
        if result is not None:
            adopt(scenario, result)
        return result is not None

    def trouble(self) -> str:
        """Why the second lab ended too early, as a sentence; empty if it did not."""
        trouble = self.second.trouble() if self.second else ""
        return f"It failed: {trouble}" if trouble else ""

    def end(self, *, at_once: bool) -> None:
        """End the second run, if there is one; `at_once` interrupts what it does."""
        if self.second is not None:
            self.second.end(at_once=at_once)


def why_alone(provider: str, *, asked: bool) -> str:
    """Why there can be no second lab; empty if there can be.

    Args:
        provider: name of the lab's provider.
        asked: whether the user asked for a second lab.
    """
    if provider == VAGRANT:
        return "Vagrant keeps what a lab starts from in that lab's own machines"
    return room(asked)


def adopt(mine: Scenario, found: Scenario) -> None:
    """Make what the second run found the first's own; files of its evidence are in its folder."""
    for each in fields(Scenario):
        if each.name != "node":
            setattr(mine, each.name, getattr(found, each.name))
    seen = found.failure.seen_out_of_band if found.failure else []
    for evidence in (*(one for step in found.steps for one in step.evidence), *seen):
        _moved(evidence)


def _moved(evidence: Evidence) -> None:
    for name in ("stdout_file", "stderr_file"):
        path = getattr(evidence, name)
        if path is not None:
            setattr(evidence, name, f"{NAME}/{path}")
