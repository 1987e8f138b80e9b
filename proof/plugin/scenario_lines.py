"""The line that a run prints for each scenario."""

from proof.evidence.record import Run, Scenario
from proof.report import terminal

WORDS = {"passed": "PASSED ", "failed": "FAILED ", "skipped": "skipped", "not run": "NOT RUN"}
COLOURS = {"passed": "green", "failed": "red", "skipped": "yellow", "not run": "yellow"}


class ScenarioLines:
    """Makes the lines of one run. Only the first line that a reason applies to contains it."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._given: dict[str, str] = {}  # reason -> id of the scenario whose line has it

    def line(self, scenario: Scenario, seconds: float) -> str:
        """Number, result, task, name and time; `seconds` is the time that the scenario took."""
        every = self._run.scenarios
        number = f"{every.index(scenario) + 1:{len(str(len(every)))}}/{len(every)}"
        result = f"{WORDS[scenario.state]}  {scenario.task}  {scenario.name}  {terminal.duration(seconds)}"
        return f"{number}  {result}{self._reason(scenario)}"

    def _reason(self, scenario: Scenario) -> str:
        if not scenario.reason or scenario.state not in ("skipped", "not run"):
            return ""
        first = self._given.setdefault(scenario.reason, scenario.id)
        return f"  ({scenario.reason})" if first == scenario.id else "  (same reason)"
