"""A small project with features, a plan and runs, for the tests of the documentation."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from proof.docs import build, diagram, site
from proof.docs.evidence import Evidence as Shown
from proof.docs.model import Document
from proof.docs.states import HostChanged
from proof.evidence import provenance as run_provenance
from proof.evidence.record import Evidence, Failure, FailureKind, Run, Scenario, ScenarioState, Step
from proof.gherkin import feature_files
from proof.plugin.run_recorder import inventory_of

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
FEATURE = """\
@task-1.2.1 @group-1.2 @milestone-1
Feature: 1.2.1 Administrators become root

  Rule: Members become root

    Scenario: A member asks
      When the member asks
      Then the answer is root

    @disruptive
    Scenario Outline: <who> joins
      Given <who> has joined

      Examples:
        | who |
        | ann |
        | bob |

  Rule: Others do not

    Scenario: A stranger asks
      When the stranger asks
"""
PLAN = """\
fresh_days: {lab: 7, vultr: 30}
milestones:
  - id: "1"
    title: Foundation
    groups:
      - id: "1.2"
        title: Users
        tasks:
          - {id: 1.2.1, title: sudo, estimate: 15 minutes, automation: [task_1.2.1.yml]}
          - {id: 1.2.2, title: Remove linuxuser, estimate: 10 minutes, depends_on: [1.2.1], automation: [x.yml]}
waivers: []
"""
SABOTAGE = "- {name: a fault, rule: Others do not, run: rm x}\n"
DRAWING = diagram.of({"vpn_address": "10.100.0.25", "lab_outsider_address": "198.51.100.66"})


@dataclass
class World:
    """The project below `root`; runs are written as a run would write them."""

    root: Path
    number: int = 0

    @classmethod
    def make(cls, root: Path) -> "World":
        files = {
            "features/task_1.2.1.feature": FEATURE,
            "features/task_1.2.1.sabotage.yml": SABOTAGE,
            "features/tracker.yml": PLAN,
            "provision/ansible.cfg": "",
            "provision/task_1.2.1.yml": "---\n",
            "provision/inventory/lab.yml": "",
            "steps/test_task_1_2_1.py": "",
            "sql/00.sql": "",
        }
        for name, text in files.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text)
        return cls(root)

    def grow(self, *, tasks: int, scenarios: int) -> None:
        """Put a plan with that many tasks and that many scenarios in each in the place of the small one."""
        (self.root / "features/task_1.2.1.sabotage.yml").unlink()
        (self.root / "features/task_1.2.1.feature").unlink()
        planned = []
        for number in range(1, tasks + 1):
            rows = "".join(f"        | user{row} |\n" for row in range(scenarios - 2))
            text = FEATURE.replace("1.2.1", f"1.2.{number}").replace("        | ann |\n        | bob |\n", rows)
            (self.root / f"features/task_1.2.{number}.feature").write_text(text)
            planned.append(f"          - {{id: 1.2.{number}, title: a task, estimate: 1 minute}}\n")
        head = PLAN.partition("          - ")[0]
        (self.root / "features/tracker.yml").write_text(f"{head}{''.join(planned)}waivers: []\n")

    def scenarios(self) -> list[Scenario]:
        """Every scenario, as a run would begin."""
        return [
            Scenario(
                case.id,
                feature.task,
                rule,
                case.name,
                case.row,
                case.scenario.disruptive,
                "f",
                case.scenario.line,
                "n",
            )
            for feature in feature_files.read_all(self.root / "features")
            for rule, cases in build.cases(feature).items()
            for case in cases
        ]

    def run(
        self,
        *,
        age: timedelta = timedelta(hours=1),
        target: str = "lab",
        builds: str = "build",
        only: str = "",
        text: str = "id",
        asked: str = "id",
        scripts: list[str] | None = None,
        questions: int = 1,
        message: str = "mail says no\nand more",
        finished: bool = True,
        kind: FailureKind = "criterion",
        command: Sequence[str] = ("pytest",),
        provenance: Mapping[str, object] | None = None,
        lab_error: str = "",
        **states: ScenarioState,
    ) -> Run:
        """Write a run in which everything passed, but for scenarios whose name begins with a word in `states`."""
        self.number += 1
        started = (NOW - age).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        run = Run(f"20261120T{self.number:06d}Z-{target}-x", target, started, list(command))
        run.state, run.ended = ("finished", started) if finished else ("running", "")
        run.provenance = run_provenance.gather(self.root) | dict(provenance or {})
        run.lab_error = lab_error
        run.inventory = inventory_of(feature_files.read_all(self.root / "features"), self.root)
        run.scenarios = [one for one in self.scenarios() if only in one.name]
        for one in run.scenarios:
            one.state = next((state for word, state in states.items() if one.name.startswith(word)), "passed")
            one.started, one.seconds, one.scripts = started, 0.5, scripts
            entries = [Evidence("command", asked, "mail", 0, text)] * questions
            one.steps = [Step("When", "it is asked", 1, "failed" if one.state == "failed" else "passed", 0.5, entries)]
            if one.state == "failed":
                one.failure = Failure(kind, message, journal=["a line"])
        run.write(self.root / builds / "runs" / run.id / "run.json")
        return run

    def document(self, *builds: str, now: datetime = NOW, host_changed: HostChanged = lambda _: None) -> Document:
        """The document of today."""
        return build.document(self.sources(*builds, now=now, host_changed=host_changed), Shown(self.root / "scratch"))

    def sources(self, *builds: str, now: datetime = NOW, host_changed: HostChanged = lambda _: None) -> build.Sources:
        folders = [self.root / name for name in builds or ("build",)]
        return build.gather(self.root, folders, ["lab", "vultr"], now, DRAWING, host_changed)

    def published(self) -> Document:
        """Render everything into build/docs; returns the document."""
        return site.write(self.sources(), self.root / "build" / "docs")

    def site(self) -> Path:
        """Render everything; returns the folder."""
        self.published()
        return self.root / "build" / "docs"
