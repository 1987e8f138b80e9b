"""One run against a host: its lab, its connections, its evidence, and the moment the lab breaks."""

import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import pytest

from lab import locks
from lab.errors import EXIT_LAB_BROKEN, LabError
from lab.provider import VAGRANT
from proof.evidence import provenance
from proof.evidence.record import Criterion, Run, Scenario, ScenarioState, Step, StepState, Task
from proof.evidence.recorder import AFTER, Recorder
from proof.evidence.redact import redactor
from proof.evidence.run_folder import RunFolder, slug, utc_now
from proof.gherkin.case import Case
from proof.gherkin.feature_files import Feature
from proof.hosts import lab_lock, preflight, recorded_lab
from proof.hosts.connections import HUB, MAIL, Connections
from proof.hosts.recorded_lab import RecordedLab
from proof.hosts.target import LAB, Target
from proof.plugin import second_lab
from proof.plugin.live_line import LiveLine
from proof.plugin.second_lab import Claims, SecondLab
from proof.probes import versions

VERSIONS_OF = ["docker.io", "docker-ce", "docker-compose", "wireguard-tools", "openssh-server", "ufw", "fail2ban"]
WRITE_EVERY = 5.0  # seconds between two records of a run under way
COLLECTED_SCENARIOS = 3  # failed disruptive scenarios whose artefacts are kept before the reset
STOPPED = "the run was stopped before"


SESSION = pytest.StashKey["ProofSession"]()


def inventory_of(features: Sequence[Feature], root: Path) -> list[Task]:
    """The features as they stand in a run's record."""
    return [
        Task(
            id=feature.task,
            title=feature.title,
            file=f"{feature.path.parent.name}/{feature.path.name}",
            tags=sorted(feature.tags),
            criteria=[
                Criterion(
                    rule.name,
                    rule.line,
                    [scenario.name for scenario in rule.scenarios],
                    sum(scenario.cases for scenario in rule.scenarios),
                )
                for rule in feature.rules
            ],
            content=provenance.task_content(root, feature.path, feature.task),
        )
        for feature in features
    ]


def scenario_of(case: Case, node: str) -> Scenario:
    """A scenario's record before it runs."""
    path = case.feature.path
    return Scenario(
        id=case.id,
        task=case.feature.task,
        rule=case.rule,
        name=case.name,
        case=case.row,
        disruptive=case.scenario.disruptive,
        file=f"{path.parent.name}/{path.name}",
        line=case.scenario.line,
        node=node,
    )


class ProofSession:
    """A run: created when its first scenario is about to start, closed with the run's exit status.

    Args:
        target: the host to prove.
        root: the project's root.
        folder: where evidence goes.
        command: the command line, for the record.
        as_it_is: take the lab as it stands: neither bring it up nor reset it, not even after a disruptive scenario.
    """

    def __init__(
        self, target: Target, root: Path, folder: RunFolder, command: Sequence[str], *, as_it_is: bool
    ) -> None:
        self.target = target
        self.root = root
        self.folder = folder
        self.as_it_is = as_it_is
        self.recorder = Recorder(folder)
        self.connections = Connections(target, self.recorder)
        self.lab: RecordedLab | None = None
        self.provider: str | None = None
        self.broken: LabError | None = None
        self.current: Scenario | None = None
        self.run = Run(folder.id, target.name, utc_now(), [redactor(word) for word in command])
        self.run.outside = self.recorder.outside
        self._held = ExitStack()
        self.broke = "the lab broke" if target.name == LAB else f"{target.name} did not answer"
        self.claims: Claims | None = None
        self.second: SecondLab | None = None
        self.live = LiveLine()
        self._touched = lab_lock.mark(root)
        self._began = time.monotonic()
        self._scenario_began = self._began
        self._step_began = self._began
        self._step: Step | None = None
        self._written = 0.0
        self._collected = 0

    def open(self, features: Sequence[Feature], scenarios: Sequence[Scenario]) -> None:
        """Write down what is there to prove and what will be run."""
        self._held.enter_context(locks.hold(self.folder.path))  # whoever can lock it knows that this run is gone
        self.run.provenance = provenance.gather(self.root)
        self.run.inventory = inventory_of(features, self.root)
        self.run.scenarios = list(scenarios)
        self.write()

    def bring_up(self) -> None:
        """See that the host is there: start the lab, and undo what a killed run left behind. Raises LabError."""
        if self.target.name != LAB:
            preflight.look(self.target, self.connections)
            return
        self.lab = RecordedLab(recorded_lab.open_lab(self.provider), self.recorder, self.connections.drop)
        if self.as_it_is:
            if not self.lab.running():
                raise LabError("The lab does not run.", "start it with: lab up")
            self.run.provenance["lab"] = self.lab.origin()
            return
        self._held.enter_context(lab_lock.alone(self.root))
        self.lab.up()
        self.run.provenance["lab"] = self.lab.origin()
        if self._touched.exists():
            self._reset()
        self.connections.reach((MAIL, HUB))

    def may_share(self) -> bool:
        """Whether this run may leave some of its work to a second lab."""
        return self.target.name == LAB and not self.as_it_is and self.claims is None

    def why_alone(self, asked: bool) -> str:
        """Why there is no second lab beside this one, `asked` for or not; empty where there can be."""
        if self.lab is not None and self.lab.origin().get("provider") == VAGRANT:
            return "Vagrant keeps what a lab starts from in that lab's own machines"
        return second_lab.room(asked)

    def start_second_lab(self, nodes: Sequence[str]) -> None:
        """Let a second lab run these tests from the last to the first, while this run goes on."""
        self.second = SecondLab.start(self.folder.path, nodes)
        self.claims = self.second.claims

    def take(self, scenario: Scenario) -> bool:
        """Whether the scenario is this run's to run: nobody else has taken it."""
        return self.broken is not None or self.claims is None or self.claims.take(scenario)

    def adopt(self, scenario: Scenario) -> bool:
        """Take over what the second lab found of a scenario, when it is done; False where it never will be."""
        found = self.second.result(scenario) if self.second else None
        if found is not None:
            second_lab.adopt(scenario, found)
            self.write()
        return found is not None

    def second_trouble(self) -> str:
        """Why the second lab ended too early, as a sentence; empty where it did not."""
        trouble = self.second.trouble() if self.second else ""
        return f"It failed: {trouble}" if trouble else ""

    def begin(self, scenario: Scenario) -> None:
        """From now on evidence belongs to this scenario."""
        self.current = scenario
        scenario.started = utc_now()
        self._scenario_began = self._step_began = time.monotonic()
        self._step = self.recorder.open_scenario(self.current_slug())
        scenario.steps = [self._step]

    def touch(self) -> None:
        """The current scenario now acts on the host; if it is disruptive, a reset is due from here on."""
        if self.current is not None and self.current.disruptive and self.lab is not None:
            lab_lock.touch(self.root)

    def begin_step(self, keyword: str, text: str, line: int) -> None:
        """From now on evidence belongs to this step."""
        self._end_step("passed")
        self._step = self.recorder.open_step(keyword, text, line)
        self._step_began = time.monotonic()
        if self.current is not None:
            self.current.steps.append(self._step)

    def end_step(self, state: StepState) -> None:
        """The current step is over; what follows belongs to no step."""
        self._end_step(state)
        if self.current is not None:
            self._step = self.recorder.open_step("", AFTER, 0)
            self._step_began = time.monotonic()
            self.current.steps.append(self._step)

    def _end_step(self, state: StepState) -> None:
        if self._step is not None:
            self._step.state = state
            self._step.seconds = round(time.monotonic() - self._step_began, 3)
            self._step = None

    def current_slug(self) -> str:
        """The current scenario's name in names of files."""
        return slug(self.current.id, 80) if self.current else "run"

    def elapsed(self) -> float:
        """Seconds since the current scenario began."""
        return time.monotonic() - self._scenario_began

    def settle(self, state: ScenarioState, reason: str = "") -> None:
        """The current scenario has a result; a later one of the same scenario overrides only a pass."""
        scenario = self.current
        if scenario is not None and (scenario.state != "failed" or state == "failed"):
            scenario.state, scenario.reason = state, redactor(reason)

    def end(self, steps: Sequence[tuple[str, str, int]]) -> None:
        """The current scenario is over: complete its record, reset what it broke. `steps` are all of its steps."""
        scenario = self.current
        if scenario is None:
            return
        self._end_step("passed")
        scenario.seconds = round(self.elapsed(), 3)
        reached = [step for step in scenario.steps if step.line]
        scenario.steps = [step for step in scenario.steps if step.line or step.evidence]
        scenario.steps += [Step(*step) for step in steps[len(reached) :]]
        if scenario.disruptive and scenario.state == "failed":
            self._collect_before_reset(scenario)
        self.recorder.close_scenario()
        self.current = None
        asked = self.connections.asked()
        self._describe_host()
        if self.lab is not None and self._touched.exists() and not self.as_it_is and self.broken is None:
            try:
                self._reset()
            except LabError as error:
                self.broken = error
            else:
                if any(other.state == "not run" for other in self.run.scenarios if other is not scenario):
                    self.connections.reach(asked)  # the next scenario most often looks from the same places
        if time.monotonic() - self._written > WRITE_EVERY or scenario.state == "failed":
            self.write()

    def _describe_host(self) -> None:
        """Write down what the host runs, once, where it is connected to anyway; fails nothing."""
        host = None if self.as_it_is else self.connections.ready(MAIL)
        if host is not None and "host" not in self.run.provenance:
            try:
                database = self.target.text("postgres_data"), self.target.text("postgres_container")
                self.run.provenance["host"] = host.call(versions.read, VERSIONS_OF, *database)
            except Exception as error:
                self.run.provenance["host"] = {}
                self.recorder.note(f"the versions of the host could not be read: {error}")

    def close(self, exit_status: int, *, interrupted: bool) -> int:
        """Leave the lab reset, collect artefacts, write the record; returns the exit status of the run."""
        if self.second is not None:
            self.second.end(at_once=interrupted or self.broken is not None)
        if self.lab is not None and self._touched.exists() and not self.as_it_is and self.broken is None:
            try:
                self._reset()
            except LabError as error:
                self.broken = error
        if self.broken is not None or any(scenario.state == "failed" for scenario in self.run.scenarios):
            self._collect(self.folder.artefacts)
        self.connections.close()
        self._held.close()
        self.live.close()
        for scenario in self.run.scenarios:
            if scenario.state == "not run" and not scenario.reason:
                scenario.reason = self.broke if self.broken else STOPPED
        if self.broken is not None:
            exit_status = EXIT_LAB_BROKEN
            self.run.lab_error = redactor(str(self.broken))
        self.run.state = "interrupted" if interrupted else "finished"
        self.run.ended = utc_now()
        self.run.seconds = round(time.monotonic() - self._began, 1)
        self.run.exit_status = exit_status
        self.write()
        return exit_status

    def write(self) -> None:
        """Write the record as it stands."""
        self.run.write(self.folder.record)
        self._written = time.monotonic()

    def _reset(self) -> None:
        if self.lab is not None:
            self.lab.reset()
            lab_lock.was_reset(self.root)

    def _collect_before_reset(self, scenario: Scenario) -> None:
        self._collected += 1
        if self._collected <= COLLECTED_SCENARIOS:
            self._collect(self.folder.artefacts / slug(scenario.id, 80))

    def _collect(self, folder: Path) -> None:
        if self.lab is None or self.as_it_is:
            return
        try:
            self.lab.collect(folder)
        except (LabError, OSError) as error:
            self.recorder.note(f"artefacts could not be collected: {error}")
