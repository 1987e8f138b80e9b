"""`lab soak`: the same scenarios many times in random order, until enough of them ran; one that fails is unsteady."""

import argparse
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from lab.errors import LabError
from lab.paths import BUILD, ROOT
from proof.evidence import run_folder
from proof.evidence.record import Run
from proof.gherkin.feature_files import CALM, DISRUPTIVE
from proof.hosts.target import LAB

KINDS = {"calm": CALM, "disruptive": DISRUPTIVE}
SEEDS = 1 << 31


@dataclass
class Soaked:
    """What the rounds came to: executions of scenarios, and failures by scenario with the seeds of their rounds."""

    executions: int = 0
    failures: dict[str, list[int]] = field(default_factory=dict)

    def add(self, run: Run, seed: int) -> None:
        """Count one round."""
        ended = Counter(scenario.state for scenario in run.scenarios)
        self.executions += ended["passed"] + ended["failed"]
        for scenario in run.scenarios:
            if scenario.state == "failed":
                self.failures.setdefault(scenario.id, []).append(seed)


def soak(kind: str, wanted: int, seed: int, arguments: Sequence[str]) -> Soaked:
    """Run rounds of one kind of scenarios until so many were executed. Raises LabError if the lab broke."""
    seeds, soaked = random.Random(seed), Soaked()  # noqa: S311 - an order to test in
    while soaked.executions < wanted:
        chosen = seeds.randrange(SEEDS)
        argv = ["pytest", "--host=lab", "-m", KINDS[kind], f"--shuffle={chosen}", *arguments]
        status, made = run_folder.made_by(BUILD / "runs", LAB, partial(_run, argv))
        if status not in (0, 1) or made is None:
            raise LabError(f"A round with seed {chosen} ended with status {status}.", " ".join(argv))
        before_it = soaked.executions
        soaked.add(Run.read(made / "run.json"), chosen)
        if soaked.executions == before_it:
            raise LabError(f"A round with seed {chosen} executed nothing.", " ".join(argv))
        failed = sum(map(len, soaked.failures.values()))
        print(f"{soaked.executions} of {wanted} {kind} executions, {failed} failed", flush=True)
    return soaked


def _run(argv: Sequence[str]) -> int:
    return subprocess.run([Path(sys.executable).with_name(argv[0]), *argv[1:]], cwd=ROOT, check=False).returncode


def main(arguments: Sequence[str] | None = None) -> int:
    """Soak; returns 1 if anything failed. Raises LabError."""
    parser = argparse.ArgumentParser(
        prog="lab soak",
        description="Run the scenarios in random order again and again, and name those that fail in some rounds. Every "
        "round is a run like any other: the site tells the rate of what gave both results.",
        epilog="Further arguments are pytest's. Exit status: 0 nothing failed, 1 something did, 12 the lab broke.",
    )
    parser.add_argument("--calm", type=int, default=3000, metavar="N", help="executions that break nothing (3000)")
    parser.add_argument("--disruptive", type=int, default=300, metavar="N", help="executions of the others (300)")
    parser.add_argument("--seed", type=int, help="of the order; a random one if it is not given")
    options, rest = parser.parse_known_args(arguments)
    seed = random.SystemRandom().randrange(SEEDS) if options.seed is None else options.seed
    print(f"Seed {seed}", flush=True)
    failed = False
    for kind, wanted in (("calm", options.calm), ("disruptive", options.disruptive)):
        soaked = soak(kind, wanted, seed, rest)
        for scenario, seeds in sorted(soaked.failures.items()):
            failed = True
            print(f"UNSTEADY  {scenario}: failed {len(seeds)} times, with --shuffle={', '.join(map(str, seeds))}")
        print(f"{soaked.executions} {kind} executions, {len(soaked.failures)} scenarios failed.", flush=True)
    return 1 if failed else 0
