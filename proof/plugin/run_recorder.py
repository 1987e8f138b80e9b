"""The record of a run while it goes on: what is to be proved, the current scenario and step, and their results."""

import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from lab import locks
from proof.evidence import provenance
from proof.evidence.record import Criterion, Run, Scenario, ScenarioState, Step, StepState, Task
from proof.evidence.recorder import AFTER, Recorder
from proof.evidence.redact import redactor
from proof.evidence.run_folder import RunFolder, slug, utc_now
from proof.gherkin.case import Case
from proof.gherkin.feature_files import Feature

WRITE_EVERY = 5.0  # seconds between two writes of the record while the run goes on
STOPPED = "the run was stopped before"


def inventory_of(features: Sequence[Feature], root: Path) -> list[Task]:
    """The features as a run's record contains them."""
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
            content=provenance.task_content(root, feature.path),
        )
        for feature in features
    ]


def scenario_of(case: Case, node: str) -> Scenario:
    """The record of a scenario before it runs."""
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


class RunRecorder:
    """Writes `run.json` and assigns evidence to the current scenario and step.

    Args:
        target: name of the target.
        root: the project's root.
        folder: the folder of the run.
        command: the command line.
    """

    def __init__(self, target: str, root: Path, folder: RunFolder, command: Sequence[str]) -> None:
        self.folder = folder
        self.evidence = Recorder(folder)
        self.current: Scenario | None = None
        self.run = Run(folder.id, target, utc_now(), [redactor(word) for word in command])
        self.run.outside = self.evidence.outside
        self._root = root
        self._held = ExitStack()
        self._began = time.monotonic()
        self._scenario_began = self._began
        self._step_began = self._began
        self._step: Step | None = None
        self._written = 0.0

    def open(self, features: Sequence[Feature], scenarios: Sequence[Scenario]) -> None:
        """Record what is to be proved and what will run. Holds the folder's lock: without it the run has ended."""
        self._held.enter_context(locks.hold(self.folder.path))
        self.run.provenance = provenance.gather(self._root)
        self.run.inventory = inventory_of(features, self._root)
        self.run.scenarios = list(scenarios)
        self.write()

    def begin(self, scenario: Scenario) -> None:
        """Assign evidence to this scenario from now on."""
        self.current = scenario
        scenario.started = utc_now()
        self._scenario_began = self._step_began = time.monotonic()
        self._step = self.evidence.open_scenario(self.current_slug())
        scenario.steps = [self._step]

    def begin_step(self, keyword: str, text: str, line: int) -> None:
        """Assign evidence to this step from now on."""
        self._end_step("passed")
        self._open_step(keyword, text, line)

    def end_step(self, state: StepState) -> None:
        """End the current step. Evidence that follows belongs to no step."""
        self._end_step(state)
        if self.current is not None:
            self._open_step("", AFTER, 0)

    def _open_step(self, keyword: str, text: str, line: int) -> None:
        self._step = self.evidence.open_step(keyword, text, line)
        self._step_began = time.monotonic()
        if self.current is not None:
            self.current.steps.append(self._step)

    def _end_step(self, state: StepState) -> None:
        if self._step is not None:
            self._step.state = state
            self._step.seconds = round(time.monotonic() - self._step_began, 3)
            self._step = None

    def current_slug(self) -> str:
        """The name of the current scenario for names of files."""
        return slug(self.current.id, 80) if self.current else "run"

    def elapsed(self) -> float:
        """Seconds since the current scenario began."""
        return time.monotonic() - self._scenario_began

    def settle(self, state: ScenarioState, reason: str = "") -> None:
        """Set the result of the current scenario. A later result replaces a pass only."""
        scenario = self.current
        if scenario is not None and (scenario.state != "failed" or state == "failed"):
            scenario.state, scenario.reason = state, redactor(reason)

    def end(self, steps: Sequence[tuple[str, str, int]]) -> Scenario | None:
        """Complete the record of the current scenario and return it. `steps` are all of its steps."""
        scenario = self.current
        if scenario is None:
            return None
        self._end_step("passed")
        scenario.seconds = round(self.elapsed(), 3)
        scenario.measured = self.evidence.measured
        reached = [step for step in scenario.steps if step.line]
        scenario.steps = [step for step in scenario.steps if step.line or step.evidence]
        scenario.steps += [Step(*step) for step in steps[len(reached) :]]
        return scenario

    def leave(self) -> None:
        """No scenario runs from now on."""
        self.evidence.close_scenario()
        self.current = None

    def failed(self) -> bool:
        """Whether a scenario failed."""
        return any(scenario.state == "failed" for scenario in self.run.scenarios)

    def write(self) -> None:
        """Write the record in its present state."""
        self.run.write(self.folder.record)
        self._written = time.monotonic()

    def write_when_due(self, scenario: Scenario) -> None:
        """Write the record if its last write is some seconds ago, or if this scenario failed."""
        if time.monotonic() - self._written > WRITE_EVERY or scenario.state == "failed":
            self.write()

    def close(self, exit_status: int, *, interrupted: bool, lab_error: str, reason: str) -> None:
        """Write the final record.

        Args:
            exit_status: of the run.
            interrupted: whether the run ended early.
            lab_error: what broke the lab; empty if nothing did.
            reason: why scenarios without a result did not run; empty for the general reason.
        """
        self._held.close()
        for scenario in self.run.scenarios:
            if scenario.state == "not run" and not scenario.reason:
                scenario.reason = reason or STOPPED
        if lab_error:
            self.run.lab_error = redactor(lab_error)
        self.run.state = "interrupted" if interrupted else "finished"
        self.run.ended = utc_now()
        self.run.seconds = round(time.monotonic() - self._began, 1)
        self.run.exit_status = exit_status
        self.write()
