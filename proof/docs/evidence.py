"""The evidence of a scenario on the site: that of its most recent run, and all of it as files next to the pages."""

import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from proof.docs.model import AskedView, EvidenceView, FailureView, FileView, StepView
from proof.docs.runs import StoredRun
from proof.evidence import record
from proof.evidence.run_folder import slug
from proof.report import terminal

FOLDER = "evidence"
OUTPUTS = "outputs"  # apart from the JSON of scenarios: nothing is written through a link to a run's own file


@dataclass
class Evidence:
    """Puts evidence of runs beside the pages of a site, and tells what it says.

    `damaged` collects what could not be read: it is left out, and the document names it.
    """

    site: Path
    damaged: list[str] = field(default_factory=list)
    _records: dict[str, Mapping[str, Any]] = field(default_factory=dict)

    def of(self, run: StoredRun, scenario: str) -> EvidenceView | None:
        """The evidence of a scenario in a run; None if it is gone."""
        if run.folder is None:
            return None
        try:
            data = self._scenarios(run.id, run.folder).get(scenario)
            return self._view(run, run.folder, data) if data is not None else None
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
            self.damaged.append(f"{run.id}: {scenario}: {type(error).__name__}: {error}".splitlines()[0])
            return None

    def _scenarios(self, run: str, folder: Path) -> Mapping[str, Any]:
        if run not in self._records:
            data = json.loads((folder / "run.json").read_bytes())
            self._records[run] = {part["id"]: part for part in data["scenarios"]}
        return self._records[run]

    def _view(self, run: StoredRun, folder: Path, data: Mapping[str, Any]) -> EvidenceView:
        told = record.scenario_in(data)
        failure = told.failure
        return EvidenceView(
            run=run.id,
            again=terminal.again(run.target, told.node),
            whole=self._written(f"{run.id}/{slug(told.id, 200)}.json", record.canonical(data)),
            steps=tuple(
                StepView(step.keyword, step.text, step.state, step.seconds, self._asked(run.id, folder, step.evidence))
                for step in told.steps
            ),
            failure=None
            if failure is None
            else FailureView(
                failure.kind,
                failure.message,
                failure.where,
                failure.traceback,
                tuple(failure.journal),
                self._asked(run.id, folder, failure.seen_out_of_band),
            ),
        )

    def _asked(self, run: str, folder: Path, entries: Sequence[record.Evidence]) -> tuple[AskedView, ...]:
        return tuple(
            AskedView(
                place=one.place,
                text=one.text,
                exit_status=one.exit_status,
                stdout=one.stdout,
                stderr=one.stderr,
                seconds=one.seconds,
                files=tuple(self._files(run, folder, (one.stdout_file, one.stderr_file))),
            )
            for one in entries
        )

    def _written(self, name: str, content: bytes) -> FileView:
        path = self.site / FOLDER / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return FileView(f"{FOLDER}/{name}", hashlib.sha256(content).hexdigest(), len(content))

    def _files(self, run: str, folder: Path, names: Sequence[str | None]) -> Iterator[FileView]:
        for name in filter(None, names):
            try:
                yield self._copied(run, folder, name)
            except (OSError, ValueError) as error:
                self.damaged.append(f"{run}: {name}: {error}")

    def _copied(self, run: str, folder: Path, name: str) -> FileView:
        """A whole output of a run, shared with the run's folder where both lie on one file system."""
        source = (folder / name).resolve()
        if not source.is_relative_to(folder.resolve()):
            raise ValueError("it leads out of the run's folder")
        goal = self.site / FOLDER / run / OUTPUTS / slug(Path(name).name, 200)
        goal.parent.mkdir(parents=True, exist_ok=True)
        goal.unlink(missing_ok=True)
        try:
            os.link(source, goal)
        except OSError:
            shutil.copyfile(source, goal)
        with goal.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        return FileView(str(goal.relative_to(self.site)), digest, goal.stat().st_size)
