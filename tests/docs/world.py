"""A small project with features, a plan and runs, for the tests of the documentation."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from proof import featurefiles, provenance
from proof.docs import build, diagram, runs, site
from proof.docs.model import Document
from proof.record import Evidence, Failure, Run, Scenario, ScenarioState, Step
from proof.session import inventory_of

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
fresh_days: {lab: 7}
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
            "provision/task_1.2.1.yml": "---\n",
            "provision/inventory/lab.yml": "",
            "steps/test_task_1_2_1.py": "",
            "sql/00.sql": "",
        }
        for name, text in files.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text)
        return cls(root)

    def scenarios(self) -> list[Scenario]:
        """Every scenario, as a run would begin."""
        (feature,) = featurefiles.read_all(self.root / "features")
        return [
            Scenario(
                case.id, "1.2.1", rule, case.name, case.row, case.scenario.disruptive, "f", case.scenario.line, "n"
            )
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
        finished: bool = True,
        **states: ScenarioState,
    ) -> Run:
        """Write a run in which everything passed, but for scenarios whose name begins with a word in `states`."""
        self.number += 1
        started = (NOW - age).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        run = Run(f"20261120T{self.number:06d}Z-{target}-x", target, started, ["pytest"])
        run.state, run.ended = ("finished", started) if finished else ("running", "")
        run.provenance = provenance.gather(self.root)
        run.inventory = inventory_of(featurefiles.read_all(self.root / "features"), self.root)
        run.scenarios = [one for one in self.scenarios() if only in one.name]
        for one in run.scenarios:
            one.state = next((state for word, state in states.items() if one.name.startswith(word)), "passed")
            one.started, one.seconds = started, 0.5
            one.steps = [Step("When", "it is asked", 1, "passed", 0.5, [Evidence("command", "id", "mail", 0, text)])]
            if one.state == "failed":
                one.failure = Failure("criterion", "mail says no\nand more", journal=["a line"])
            if one.state == "skipped":
                one.reason = "not run against production"
        run.write(self.root / builds / "runs" / run.id / "run.json")
        return run

    def document(self, *builds: str, now: datetime = NOW) -> Document:
        """The document of today."""
        return build.document(self.sources(*builds, now=now))

    def sources(self, *builds: str, now: datetime = NOW) -> build.Sources:
        folders = [self.root / name for name in builds or ("build",)]
        return build.gather(self.root, folders, ["lab", "vultr"], now, runs.read([one / "runs" for one in folders]))

    def site(self) -> Path:
        """Render everything; returns the folder."""
        folder = self.root / "build" / "docs"
        site.render(self.document(), self.sources().runs.found, folder, DRAWING)
        return folder
