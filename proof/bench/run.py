"""`make bench`: the speed of the lab and the suite, measured in one run on the same VMs."""

import argparse
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console

from lab import layers
from lab.errors import EXIT_USAGE, LabError
from lab.lab import Lab
from lab.nodes import NODES
from lab.paths import BUILD, ROOT, cache
from lab.progress import step
from proof.bench import checks as bench_checks
from proof.bench import database_load, metrics
from proof.bench import goss as bench_goss
from proof.bench.metrics import Figure
from proof.gherkin.feature_files import CALM
from proof.hosts.target import LAB, load

FILE = BUILD / "bench.json"
_BIN = Path(sys.executable).parent
_CRITERIA_FAILED = 1
FIRST_GROUPS = "group-1.2 or group-1.3"


class CriterionFailed(AssertionError):
    """An acceptance run was red: its time says nothing."""


def checks(lab: Lab) -> Iterator[Figure]:
    """The same sixty checks, asked in three ways, and in goss's if there is one."""
    with step("Sixty checks in three ways", expected=120):
        seconds, answers = bench_checks.measure()
    stock, controlpath, ours = seconds["stock"], seconds["controlpath"], seconds["ours"]
    yield metrics.ratio("ratio.stock", "60 checks: times faster than stock testinfra", stock, ours, 80)
    yield metrics.ratio("ratio.controlpath", "60 checks: times faster than with a ControlPath", controlpath, ours, 10)
    yield metrics.median("seconds.checks.stock", "60 checks, stock testinfra", stock)
    yield metrics.median("seconds.checks.controlpath", "60 checks, testinfra with a ControlPath", controlpath)
    yield metrics.median("seconds.checks.ours", "60 checks, ours", ours)
    if program := os.environ.get(bench_goss.VARIABLE):
        with step("Sixty checks with goss", expected=20):
            goss = bench_goss.measure(lab, Path(program), answers)
        yield metrics.ratio("ratio.goss", "60 checks: times faster than goss on the host", goss, ours, 2)
        yield metrics.median("seconds.checks.goss", "60 checks, goss on the host", goss)


def database() -> Iterator[Figure]:
    """The mail database: many clients at once, and the cost of a check."""
    with step("The mail database under load", expected=database_load.SECONDS + 20):
        yield from database_load.measure(load(LAB))


def reset(lab: Lab, times: int = 5) -> Figure:
    """From the wish to a first answer of both VMs."""
    runs: list[float] = []
    with step("Reset both VMs", expected=times * 3):
        for _ in range(times):
            with _clock(runs):
                lab.reset()
                _first_answer(lab)
    return metrics.median("seconds.reset", "reset of both VMs to the first answer", runs, 3)


def cold_start(lab: Lab, times: int = 3) -> Figure:
    """From nothing running to a first answer, with every layer cached."""
    runs: list[float] = []
    for _ in range(times):
        lab.down()
        with _clock(runs):
            lab.up()
            _first_answer(lab)
    return metrics.median("seconds.cold_start", "cold start from cached layers", runs, 3)


def stored(lab: Lab) -> Iterator[Figure]:
    """What the layers take that the lab stands on: room, and the time to write them."""
    chain = layers.chain(lab.status().layer or "")
    if not chain:
        raise LabError("The layers that the lab stands on are gone.", "lab up")
    yield metrics.largest("gib.chain", "one chain of layers, GiB", [sum(each.size() for each in chain) / 2**30], 5)
    yield metrics.median(
        "seconds.store", "writing a layer, both VMs paused", [each.storing for each in chain if each.storing], 2
    )


def acceptance(key: str, title: str, options: Sequence[str], bound: float, times: int) -> Figure:
    """The suite as an operator runs it, with its start and its report. Raises CriterionFailed if it is red."""
    runs: list[float] = []
    for turn in range(1, times + 1):
        folder = BUILD / "bench" / f"{key}-{turn}"
        shutil.rmtree(folder, ignore_errors=True)
        folder.parent.mkdir(parents=True, exist_ok=True)
        command = [str(_BIN / "pytest"), "--host=lab", "-q", f"--run-folder={folder}", *options]
        with step(f"{title} ({turn} of {times})", expected=bound), _clock(runs):
            done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        if done.returncode == _CRITERIA_FAILED:
            raise CriterionFailed(f"{title}: criteria failed, see {os.path.relpath(folder)}\n{_tail(done.stdout)}")
        if done.returncode != 0:
            raise LabError(f"{title}: pytest ended with status {done.returncode}.\n{_tail(done.stdout + done.stderr)}")
    return metrics.median(key, title, runs, bound)


def provision(lab: Lab) -> Figure:
    """From the bare box to the last task, really done, in a cache of its own that holds nothing but the box."""
    lab.down()
    runs: list[float] = []
    try:
        with tempfile.TemporaryDirectory(prefix="bench-", dir=cache()) as scratch:
            for shared in ("boxes", "identity"):
                (Path(scratch) / shared).symlink_to(cache() / shared)
            _provision_into(Path(scratch), runs)
    finally:
        lab.up()
    return metrics.median("seconds.provision", "boot of the bare box and all tasks, nothing cached", runs, 540)


def _provision_into(scratch: Path, runs: list[float]) -> None:
    environment = {**os.environ, "MAIL_LAB_CACHE": str(scratch)}
    try:
        with _clock(runs):
            done = subprocess.run([_BIN / "lab", "up"], cwd=ROOT, env=environment, check=False)
        if done.returncode != 0:
            raise LabError(f"Provisioning from the bare box ended with status {done.returncode}.")
    finally:
        subprocess.run([_BIN / "lab", "down"], cwd=ROOT, env=environment, check=False)


def _first_answer(lab: Lab) -> None:
    with ThreadPoolExecutor(len(NODES)) as pool:
        answers = list(pool.map(lambda node: lab.exec(node, ["true"]), NODES))
    if any(answer.exit_status != 0 for answer in answers):
        raise LabError("A VM did not answer after it was started or put back.", "lab logs NODE")


@contextmanager
def _clock(runs: list[float]) -> Iterator[None]:
    started = time.monotonic()
    yield
    runs.append(time.monotonic() - started)


def _tail(text: str) -> str:
    return "\n".join(text.strip().splitlines()[-20:])


def untagged() -> Iterator[Figure]:
    """The suite without what breaks a host, on a lab that runs."""
    first = f"{CALM} and ({FIRST_GROUPS})"
    yield acceptance("seconds.untagged", "untagged scenarios of 1.2 and 1.3", ["-m", first], bound=60, times=2)
    in_lab = f"{CALM} and not task-1.1.1"  # which orders servers from this machine, not in the lab
    yield acceptance("seconds.untagged.whole", "untagged scenarios of all tasks", ["-m", in_lab], bound=90, times=2)


def everything() -> Iterator[Figure]:
    """The whole suite on a lab that runs."""
    yield acceptance("seconds.all", "all scenarios of 1.2 and 1.3", ["-m", FIRST_GROUPS], bound=480, times=1)
    yield acceptance("seconds.all.whole", "all scenarios of all tasks", [], bound=960, times=1)


def parts(lab: Lab) -> dict[str, Callable[[], Iterator[Figure]]]:
    """What can be measured, by name, in the order of a whole benchmark."""
    return {
        "checks": lambda: checks(lab),
        "database": database,
        "reset": lambda: iter((reset(lab),)),
        "cold-start": lambda: iter((cold_start(lab),)),
        "layers": lambda: stored(lab),
        "untagged": untagged,
        "all": everything,
        "provision": lambda: iter((provision(lab),)),
    }


def measure(lab: Lab, names: Sequence[str]) -> Iterator[Figure]:
    """The figures of these parts; the lab is running and provisioned before and after."""
    resident: list[float] = []
    lab.up()
    for name in names:
        yield from parts(lab)[name]()
        resident.append(sum(lab.status().resident_mib.values()))
    yield metrics.largest("mib.resident", "resident memory of both VMs", resident, 3072)


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status 0 when everything was measured, whether or not it reached its bound."""
    parser = argparse.ArgumentParser(prog="python -m proof.bench", description=__doc__)
    lab = Lab.of_checkout()
    every = list(parts(lab))
    parser.add_argument(
        "parts", nargs="*", metavar="PART", help=f"measure these alone, beside what is known: {', '.join(every)}"
    )
    chosen = parser.parse_args(arguments).parts or every
    if unknown := sorted(set(chosen) - set(every)):
        print(f"bench: there is no part {', '.join(unknown)}; there are {', '.join(every)}", file=sys.stderr)
        return EXIT_USAGE
    taken: list[Figure] = []
    whole = False
    try:
        taken.extend(measure(lab, chosen))
        whole = chosen == every
    except (LabError, AssertionError) as error:
        print(f"bench: {error}", file=sys.stderr)
        return error.exit_status if isinstance(error, LabError) else _CRITERIA_FAILED
    finally:
        if taken:  # what was measured before an error or an interrupt counts, too
            Console().print(metrics.table(taken, "Speed"))
            metrics.write(FILE, taken, _about(lab), keep=not whole)
            print(f"Written to {os.path.relpath(FILE)}")
    return 0


def _about(lab: Lab) -> Mapping[str, object]:
    status = lab.status()
    return {
        "accelerator": status.accelerator,
        "cpus": os.cpu_count(),
        "python": platform.python_version(),
        "provider": status.provider,
        "goss": os.environ.get(bench_goss.VARIABLE, f"not measured: {bench_goss.VARIABLE} names none"),
    }


if __name__ == "__main__":
    sys.exit(main())
