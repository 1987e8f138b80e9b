"""One look at a host: the calm scenarios, as `pytest --host` runs them, and what each criterion came to."""

import subprocess
import sys
import textwrap
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from lab.paths import ROOT
from lab.waiting import wait_until
from proof.evidence import run_folder
from proof.evidence.record import Run
from proof.gherkin.feature_files import CALM, STARTS_EARLY
from proof.report import terminal
from proof.watch.memory import Result

WITHOUT_SCAN = f"{CALM} and not {STARTS_EARLY}"
SECONDS = 3000.0  # for one look; the scan of all ports takes minutes
TRYING = 300.0  # a VPN that comes up, or a host that reboots, is waited for so long
LONGEST_PAUSE = 60.0
SENTENCE = 200  # characters of what was seen


class UnseenError(Exception):
    """The host could not be looked at; the message says why."""


def see(
    host: str, *, scan: bool, log: Path, root: Path = ROOT, arguments: Sequence[str] = (), trying: float = TRYING
) -> list[Result]:
    """Look at a host, again for some minutes if it does not answer.

    Args:
        host: target.
        scan: whether the outsider scans it, too.
        log: file for what pytest prints.
        root: the checkout.
        arguments: more for pytest.
        trying: seconds for which it is looked at again.

    Raises:
        UnseenError: it could not be seen.
    """
    return wait_until(
        partial(_attempt, host, scan, log, root, arguments),
        f"a look at {host}",
        trying,
        tolerate=(UnseenError,),
        error=lambda message: UnseenError(message.partition(f"{UnseenError.__name__}: ")[2] or message),
        longest_pause=LONGEST_PAUSE,
    )


def _attempt(host: str, scan: bool, log: Path, root: Path, arguments: Sequence[str]) -> list[Result]:
    argv = [f"--host={host}", "-q", "-p", "no:cacheprovider", "-m", CALM if scan else WITHOUT_SCAN, *arguments]
    status, made = run_folder.made_by(root / "build" / "runs", host, partial(_pytest, argv, log, root))
    last = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-1:]
    if made is None:
        raise UnseenError(f"pytest ended with status {status}: {''.join(last)}")
    try:
        run = Run.read(made / "run.json")
    except (OSError, ValueError) as error:
        raise UnseenError(f"the record of the look cannot be read: {error}") from error
    if run.lab_error or status not in (0, 1):
        raise UnseenError(run.lab_error.strip() or f"pytest ended with status {status}: {''.join(last)}")
    found = results(run)
    if not found:
        raise UnseenError("no criterion came to a result")
    return found


def _pytest(argv: Sequence[str], log: Path, root: Path) -> int:
    program = Path(sys.executable).with_name("pytest")
    with log.open("w", encoding="utf-8") as sink:
        try:
            done = subprocess.run(
                [program, *argv],
                cwd=root,
                stdout=sink,
                stderr=sink,
                stdin=subprocess.DEVNULL,
                timeout=SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            sink.write(f"\nit did not end within {SECONDS:.0f} s\n")
            return -1
    return done.returncode


def results(run: Run) -> list[Result]:
    """How each criterion ended whose scenarios came to a result; one that failed makes it red."""
    found: dict[str, Result] = {}
    for scenario in run.scenarios:
        if scenario.state not in ("passed", "failed"):
            continue
        result = Result(scenario.task, scenario.rule, red=False)
        if scenario.state == "failed":
            message = scenario.failure.message.strip().splitlines() if scenario.failure else []
            seen = textwrap.shorten(" ".join(message[:2]), SENTENCE, placeholder=" ...")
            again = terminal.again(run.target, scenario.node)
            result = replace(result, red=True, seen=seen, again=again)
        before = found.get(result.id, result)
        worse = result if result.red and not before.red else before
        found[result.id] = replace(worse, measured={**before.measured, **scenario.measured})
    return list(found.values())
