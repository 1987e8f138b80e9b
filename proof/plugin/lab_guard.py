"""The lab of a run: started, reset after each scenario that changed it, and collected from after a failure."""

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from lab.errors import LabError
from proof.evidence.record import Scenario
from proof.evidence.recorder import Recorder
from proof.evidence.run_folder import slug
from proof.hosts import lab_lock, recorded_lab
from proof.hosts.recorded_lab import RecordedLab
from proof.whole_host import reference, scripts
from proof.whole_host.scripts import ReadScripts

COLLECTED_SCENARIOS = 3  # failed disruptive scenarios whose artefacts are kept before the reset


class LabGuard:
    """Keeps the lab in the state that a reset returns to between scenarios.

    Args:
        root: the project's root.
        recorder: receives every use of the lab as evidence.
        artefacts: folder for logs and tables of the lab after a failure.
        no_reset: use the lab in its present state; neither start nor reset it.
    """

    def __init__(self, root: Path, recorder: Recorder, artefacts: Path, *, no_reset: bool) -> None:
        self.lab: RecordedLab | None = None
        self.no_reset = no_reset
        self._root = root
        self._recorder = recorder
        self._artefacts = artefacts
        self._held = ExitStack()
        self._collected = 0
        self._read: ReadScripts | None = None

    def start(self, provider: str | None, drop_connections: Callable[[], None]) -> dict[str, str]:
        """Start the lab and reset what an interrupted run left. Returns its origin. Raises LabError.

        Args:
            provider: name of the lab's provider; None for the default.
            drop_connections: called before a machine loses its connections.
        """
        lab = recorded_lab.open_lab(provider)
        self.lab = RecordedLab(lab, self._recorder, drop_connections)
        if self.no_reset:
            if not self.lab.running():
                raise LabError("The lab does not run.", "start it with: lab up")
            return self.lab.origin()
        self._held.enter_context(lab_lock.alone(self._root))
        self.lab.up()
        origin = self.lab.origin()
        self.reset_if_touched()
        reference.require(lab)
        if known := reference.read(origin.get("task", "")):
            self._read = ReadScripts(lab, scripts.own(known.taken))
            self._scripts_since_last()
        return origin

    def touch(self, scenario: Scenario | None) -> None:
        """Mark the lab as changed, if this scenario changes it: even a run that is killed now leaves the mark."""
        if scenario is not None and scenario.disruptive and self.lab is not None:
            lab_lock.touch(self._root)

    def reset_if_touched(self) -> bool:
        """Reset the lab if a scenario changed it. Returns whether it did. Raises LabError."""
        if self.lab is None or self.no_reset or not lab_lock.mark(self._root).exists():
            return False
        self.lab.reset()
        lab_lock.was_reset(self._root)
        self._scripts_since_last()
        return True

    def scripts_read(self) -> list[str] | None:
        """The host's own scripts that the scenario read; None if that is not known."""
        found = self._scripts_since_last()
        return None if self.lab is not None and self.lab.power_was_cut() else found

    def _scripts_since_last(self) -> list[str] | None:
        """Those read since this was asked last; a guest that is too slow to say so breaks no run."""
        try:
            return self._read.since_last() if self._read is not None else None
        except TimeoutError:
            return None

    def collect_from(self, scenario: Scenario) -> None:
        """Keep the artefacts of a failed disruptive scenario before the reset; of the first few only."""
        if scenario.disruptive and scenario.state == "failed":
            self._collected += 1
            if self._collected <= COLLECTED_SCENARIOS:
                self._collect(self._artefacts / slug(scenario.id, 80))

    def collect(self) -> None:
        """Keep the artefacts of the whole run."""
        self._collect(self._artefacts)

    def _collect(self, folder: Path) -> None:
        if self.lab is None or self.no_reset:
            return
        try:
            self.lab.collect(folder)
        except (LabError, OSError) as error:
            self._recorder.note(f"artefacts could not be collected: {error}")

    def close(self) -> None:
        """Let other runs use the lab."""
        self._held.close()
