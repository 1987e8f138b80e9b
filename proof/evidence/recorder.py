"""Evidence: every command with its result, recorded with the step that ran it."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from proof.evidence.record import Evidence, Step
from proof.evidence.redact import redactor
from proof.evidence.run_folder import RunFolder
from proof.process import Finished

SHOWN = 4000  # characters of an output that the record keeps; the whole goes to a file
BEFORE = "before the first step"
AFTER = "after the last step"


def text_of(output: str | bytes) -> str:
    """An output as text; bytes that are no UTF-8 show as replacement characters."""
    return output if isinstance(output, str) else output.decode("utf-8", errors="replace")


def shortened(text: str, longest: int = SHOWN) -> str:
    """The beginning and the end of a long text, with the number of characters left out between them."""
    if len(text) <= longest:
        return text
    half = longest // 2
    return f"{text[:half]}\n[... {len(text) - 2 * half} characters left out ...]\n{text[-half:]}"


class Recorder:
    """Collects evidence of one run. Safe to use from several threads: a scan may run beside the scenarios."""

    def __init__(self, folder: RunFolder) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._began = time.monotonic()
        self._number = 0
        self._prefix = "run"
        self._outside: list[Evidence] = []
        self._sink = self._outside
        self._measured: dict[str, float] = {}

    @property
    def outside(self) -> list[Evidence]:
        """Evidence that belongs to no scenario, such as bringing the lab up."""
        return self._outside

    def open_scenario(self, name: str) -> Step:
        """From now on evidence belongs to a scenario; returns the step for what comes before all."""
        with self._lock:
            self._prefix, self._number, self._measured = name, 0, {}
        return self.open_step("", BEFORE, 0)

    def open_step(self, keyword: str, text: str, line: int) -> Step:
        """From now on evidence belongs to this step."""
        step = Step(keyword, text, line)
        with self._lock:
            self._sink = step.evidence
        return step

    def close_scenario(self) -> None:
        """From now on evidence belongs to the run."""
        with self._lock:
            self._prefix, self._number, self._sink = "run", len(self._outside), self._outside

    def note(self, text: str) -> None:
        """Add a sentence to the evidence of the current step."""
        with self._lock:
            self._sink.append(Evidence("note", redactor(text), at=self._now()))

    def measure(self, name: str, value: float) -> None:
        """Add a figure of the host, which the watch writes as a metric, to the evidence of the current step.

        Args:
            name: as Prometheus has them, with the unit at its end, such as "newest_backup_age_seconds".
            value: in that unit.
        """
        with self._lock:
            self._measured[name] = value
        self.note(f"{name} = {value:.6g}")

    @property
    def measured(self) -> dict[str, float]:
        """The figures of the current scenario."""
        with self._lock:
            return dict(self._measured)

    def command(
        self,
        place: str,
        command: str,
        *,
        exit_status: int | None,
        stdout: str | bytes,
        stderr: str | bytes,
        seconds: float,
    ) -> Evidence:
        """Add a command, or a question put to the host, and what came back; returns what was kept."""
        with self._lock:
            self._number += 1
            number = self._number
            sink, prefix = self._sink, self._prefix
        found = self.describe(
            place,
            command,
            exit_status=exit_status,
            stdout=stdout,
            stderr=stderr,
            seconds=seconds,
            name=f"{prefix}-{number:03d}",
        )
        with self._lock:
            sink.append(found)
        return found

    def program(self, place: str, command: str, done: Finished) -> Evidence:
        """Add a program that this machine ran, looking from a place; returns what was kept."""
        return self.command(
            place,
            command,
            exit_status=done.exit_status,
            stdout=done.stdout,
            stderr=done.stderr,
            seconds=done.seconds,
        )

    def describe(
        self,
        place: str,
        command: str,
        *,
        exit_status: int | None,
        stdout: str | bytes,
        stderr: str | bytes,
        seconds: float,
        name: str,
    ) -> Evidence:
        """Evidence of a command, redacted, its long outputs in files of the given name; added to nothing."""
        out, out_file = self._kept(redactor(text_of(stdout)), f"{name}.stdout.txt")
        err, err_file = self._kept(redactor(text_of(stderr)), f"{name}.stderr.txt")
        return Evidence(
            kind="command",
            text=shortened(redactor(command)),
            place=place,
            exit_status=exit_status,
            stdout=out,
            stderr=err,
            stdout_file=out_file,
            stderr_file=err_file,
            seconds=round(seconds, 4),
            at=self._now(),
        )

    @contextmanager
    def watching(self, place: str, command: str) -> Iterator[None]:
        """Record an action without output, and how it ended."""
        started = time.monotonic()
        outcome = "failed"
        try:
            yield
            outcome = "done"
        finally:
            spent = time.monotonic() - started
            self.command(place, command, exit_status=None, stdout=outcome, stderr="", seconds=spent)

    def _kept(self, text: str, name: str) -> tuple[str, str | None]:
        if len(text) <= SHOWN:
            return text, None
        return shortened(text), self._folder.keep(name, text)

    def _now(self) -> float:
        return round(time.monotonic() - self._began, 3)
