"""One run against a host: its record, its lab, its connections, and the moment the lab breaks."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from lab.errors import EXIT_LAB_BROKEN, LabError
from proof.evidence.record import Scenario
from proof.evidence.run_folder import RunFolder
from proof.hosts import preflight
from proof.hosts.connections import HUB, MAIL, Connections
from proof.hosts.recorded_lab import RecordedLab
from proof.hosts.target import LAB, Target
from proof.plugin.lab_guard import LabGuard
from proof.plugin.live_line import LiveLine
from proof.plugin.run_recorder import RunRecorder
from proof.plugin.scenario_lines import ScenarioLines
from proof.plugin.second_lab import Sharing
from proof.probes import versions

VERSIONS_OF = ["docker.io", "docker-ce", "docker-compose", "wireguard-tools", "openssh-server", "ufw", "fail2ban"]

SESSION = pytest.StashKey["ProofSession"]()


class ProofSession:
    """A run: created before its first scenario, closed with the run's exit status.

    Args:
        target: the host to prove.
        root: the project's root.
        folder: receives record and evidence.
        command: the command line, for the record.
        no_reset: use the lab in its present state: do not start it, and do not reset it after a disruptive scenario.
    """

    def __init__(
        self, target: Target, root: Path, folder: RunFolder, command: Sequence[str], *, no_reset: bool
    ) -> None:
        self.target = target
        self.root = root
        self.record = RunRecorder(target.name, root, folder, command)
        self.recorder = self.record.evidence
        self.connections = Connections(target, self.recorder)
        self.guard = LabGuard(root, self.recorder, folder.artefacts, no_reset=no_reset)
        self.sharing = Sharing(possible=target.name == LAB and not no_reset)
        self.live = LiveLine(self.record.run)
        self.lines = ScenarioLines(self.record.run)
        self.broken: LabError | None = None
        self.broken_reason = "the lab broke" if target.name == LAB else f"{target.name} did not answer"

    @property
    def lab(self) -> RecordedLab | None:
        """The lab, if the target is one and it was started."""
        return self.guard.lab

    @property
    def current(self) -> Scenario | None:
        """The scenario that runs now."""
        return self.record.current

    def bring_up(self, provider: str | None) -> None:
        """Make sure that the host answers; start the lab first if it is the target. Raises LabError.

        Args:
            provider: name of the lab's provider; None for the default.
        """
        if self.target.name != LAB:
            preflight.look(self.target, self.connections)
            return
        self.record.run.provenance["lab"] = self.guard.start(provider, self.connections.drop)
        if not self.guard.no_reset:
            self.connections.connect((MAIL, HUB))

    def is_mine(self, scenario: Scenario) -> bool:
        """Whether this run, and not the one in the second lab, is to run the scenario."""
        return self.broken is not None or self.sharing.take(scenario)

    def adopt(self, scenario: Scenario) -> bool:
        """Take over the second lab's result of a scenario, after waiting for it. False if there will be none."""
        adopted = self.sharing.adopt(scenario)
        if adopted:
            self.record.write()
        return adopted

    def end(self, steps: Sequence[tuple[str, str, int]]) -> None:
        """End the current scenario: complete its record, and reset the lab if it changed it.

        Args:
            steps: keyword, text and line of all its steps.
        """
        scenario = self.record.end(steps)
        if scenario is None:
            return
        self.guard.collect_from(scenario)
        scenario.scripts = self.guard.scripts_read()
        self.record.leave()
        asked = self.connections.take_used()
        self._describe_host()
        if self._reset() and any(
            other.state == "not run" for other in self.record.run.scenarios if other is not scenario
        ):
            self.connections.connect(asked)  # the next scenario most often asks from the same places
        self.record.write_when_due(scenario)

    def _reset(self) -> bool:
        """Reset the lab if a scenario changed it, and return whether that was done. A failure breaks the run."""
        if self.broken is not None:
            return False
        try:
            return self.guard.reset_if_touched()
        except LabError as error:
            self.broken = error
            return False

    def _describe_host(self) -> None:
        """Record once which versions the host runs, if it is connected anyway. Errors fail nothing."""
        host = None if self.guard.no_reset else self.connections.connected(MAIL)
        provenance = self.record.run.provenance
        if host is not None and "host" not in provenance:
            try:
                database = self.target.text("postgres_data"), self.target.text("postgres_container")
                provenance["host"] = host.call(versions.read, VERSIONS_OF, *database)
            except Exception as error:
                provenance["host"] = {}
                self.recorder.note(f"the versions of the host could not be read: {error}")

    def close(self, exit_status: int, *, interrupted: bool) -> int:
        """Reset the lab, collect artefacts and write the record. Returns the exit status of the run."""
        self.sharing.end(at_once=interrupted or self.broken is not None)
        self._reset()
        if self.broken is not None or self.record.failed():
            self.guard.collect()
        self.connections.close()
        self.guard.close()
        self.live.close()
        if self.broken is not None:
            exit_status = EXIT_LAB_BROKEN
        self.record.close(
            exit_status,
            interrupted=interrupted,
            lab_error=str(self.broken) if self.broken else "",
            reason=self.broken_reason if self.broken else "",
        )
        return exit_status
