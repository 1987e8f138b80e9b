"""Several hosts in parallel: pytest-xdist gives each its own process, and one report shows a column for each.

A process never sees another host than its own. It writes a run's record as if it were alone; what is here runs in
the process that started them, which connects to nothing.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import pytest

from lab.errors import EXIT_LAB_BROKEN, EXIT_USAGE
from proof.evidence.record import Run
from proof.evidence.run_folder import RunFolder
from proof.hosts import target as targets
from proof.hosts.target import Target
from proof.report import columns

GROUP = "host"  # of options
TARGETS = pytest.StashKey[list[Target]]()  # all of the command line
TARGET = pytest.StashKey[Target]()  # the one that this process proves; absent if each has its own process
RECORD = "proof_record"  # in a process's output: path of its run's record
REFUSAL = "proof_refusal"  # in a process' output: why it ran nothing
LINE = "proof_line"  # in a scenario's last report: what to print, and how
DOUBLE_USE = "--host gives each host one process: leave out -n, --dist and --tx"
# The run as a whole ends with the first of these that a host's run ended with.
WORST_FIRST = (EXIT_USAGE, EXIT_LAB_BROKEN, int(pytest.ExitCode.INTERRUPTED), int(pytest.ExitCode.INTERNAL_ERROR), 1)


class Process(Protocol):
    """What pytest-xdist reports of a process: its name, and its output at the end."""

    gateway: Any
    workeroutput: dict[str, Any]


def known(config: pytest.Config) -> str:
    """Names to choose from, for a person."""
    return ", ".join(targets.known(config.rootpath)) or "none"


def own_host(config: pytest.Config) -> str | None:
    """The host that this process is for, None in the one that started it."""
    given = getattr(config, "workerinput", None)
    return str(given["workerid"]) if given else None


def leave(config: pytest.Config, name: str, value: str) -> None:
    """Tell something to the process that started this one, if one did."""
    if own_host(config) is not None:
        config.workeroutput[name] = value  # type: ignore[attr-defined]


def refusal(config: pytest.Config, why: str) -> pytest.UsageError:
    """The error for a run that must not begin; the process that started this one gets it too."""
    leave(config, REFUSAL, why)
    return pytest.UsageError(why)


def start(config: pytest.Config, targets: Sequence[Target]) -> None:
    """Have a process started for each host, which does all that the command line asks for."""
    config.option.tx = [f"popen//id={target.name}" for target in targets]
    config.option.dist = "each"
    config.option.maxworkerrestart = "0"  # a host whose process died is not tried again behind one's back


def distributed(config: pytest.Config) -> bool:
    """Whether the command line asks for other processes."""
    return bool(config.option.numprocesses) or config.option.dist != "no" or bool(config.option.tx)


class MultiHostReporter:
    """Follows the processes and makes one run of theirs.

    Args:
        targets: the hosts, in the order of their columns.
    """

    def __init__(self, targets: Sequence[Target]) -> None:
        self._names = [target.name for target in targets]
        self._records: dict[str, Path] = {}
        self._refusals: dict[str, str] = {}
        self._config: pytest.Config | None = None

    def pytest_sessionstart(self, session: pytest.Session) -> None:
        """Remember the session that the processes belong to."""
        self._config = session.config

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Print a scenario's line when its process is done with it."""
        line = getattr(report, LINE, None)
        terminal = self._config.pluginmanager.get_plugin("terminalreporter") if self._config else None
        if line and isinstance(terminal, pytest.TerminalReporter):
            text, colour = line
            terminal.write_line(text, **{colour: True})

    def pytest_testnodedown(self, node: Process) -> None:
        """Take what a process left; one that refused to start must not leave the others waiting for it."""
        left = getattr(node, "workeroutput", {})
        name = str(node.gateway.id)
        if RECORD in left:
            self._records[name] = Path(left[RECORD])
        if REFUSAL in left and self._config:
            self._refusals[name] = left[REFUSAL]
            distributor: Any = self._config.pluginmanager.get_plugin("dsession")
            distributor.shouldstop = f"{name} cannot be proved"

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """End with the worst that a host's run ended with; one without a record broke."""
        if self._refusals:
            session.exitstatus = EXIT_USAGE
            return
        runs = self._runs()
        codes = {run.exit_status for _, run in runs if run is not None} - {0, None}
        if any(run is None or run.exit_status is None for _, run in runs):
            codes.add(EXIT_LAB_BROKEN)
        session.exitstatus = next((code for code in WORST_FIRST if code in codes), 0)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Print all failures and the one table."""
        terminalreporter.ensure_newline()
        terminalreporter.line("")
        for refusal in sorted(set(self._refusals.values())):
            terminalreporter.write_line(f"ERROR: {refusal}", red=True)
        if not self._refusals:
            terminalreporter.write(
                columns.render(self._runs(), self._folders(), width=columns.width(), colour=terminalreporter.hasmarkup)
            )

    def _runs(self) -> list[tuple[str, Run | None]]:
        return [(name, Run.read(self._records[name]) if name in self._records else None) for name in self._names]

    def _folders(self) -> dict[str, str]:
        return {name: RunFolder(record.parent).shown() for name, record in self._records.items()}
