"""The sixty checks with goss, which runs on the host itself; measured if its path is given."""

import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from lab.errors import LabError
from lab.lab import Lab
from proof.bench.checks import CHECKS, Check

VARIABLE = "BENCH_GOSS"  # path of a goss for the lab's machine type
TIMES = 5
_UPLOAD = "umask 077; f=$(mktemp -d); cat > $f/goss; chmod +x $f/goss; echo $f"
_READ_SHEET = "cat > $0/goss.yaml"
_VALIDATE = "exec $0/goss --gossfile $0/goss.yaml validate --format json"


def sheet(answers: Sequence[object]) -> dict[str, dict[str, object]]:
    """The checks as a goss file (JSON is valid YAML); each expects the answer that our own check got."""
    resources: dict[str, dict[str, object]] = {}
    for check, answer in zip(CHECKS, answers, strict=True):
        noun, name, expected = _as_goss(check, answer)
        resources.setdefault(noun, {})[name] = expected
    return resources


def _as_goss(check: Check, answer: object) -> tuple[str, str, Mapping[str, object]]:
    simple: Mapping[str, tuple[str, Mapping[str, object]]] = {
        "user": ("user", {"exists": True, "uid": answer}),
        "package": ("package", {"installed": answer}),
        "service": ("service", {"running": answer}),
        "sysctl": ("kernel-param", {"value": str(answer)}),
    }
    if check.noun in simple:
        noun, expected = simple[check.noun]
        return noun, check.name, expected
    if check.noun == "file":
        return "file", check.name, {"exists": True, "mode": f"{answer:04o}"}
    kind, _, where = check.name.partition("://")
    if kind == "unix":
        return "file", where, {"exists": answer}
    return "port", f"tcp:{where.rpartition(':')[2]}", {"listening": answer}


def measure(lab: Lab, program: Path, answers: Sequence[object]) -> list[float]:
    """Seconds of each run on mail, out of band; leaves nothing behind there.

    Raises:
        LabError: goss cannot be read, does not run, or gives other answers than ours.
    """
    try:
        binary = program.read_bytes()
    except OSError as error:
        raise LabError(f"{VARIABLE} is not the path of goss: {error}.", f"unset {VARIABLE}") from error
    folder = _run_command(lab, ["sh", "-c", _UPLOAD], binary).strip()
    try:
        _run_command(lab, ["sh", "-c", _READ_SHEET, folder], json.dumps(sheet(answers)).encode())
        return [_measure_once(lab, folder) for _ in range(TIMES)]
    finally:
        _run_command(lab, ["rm", "-r", folder])


def _measure_once(lab: Lab, folder: str) -> float:
    started = time.monotonic()
    done = lab.exec("mail", ["sh", "-c", _VALIDATE, folder], timeout=120)
    spent = time.monotonic() - started
    if failed := disagreements(done.stdout):
        raise LabError(f"goss on mail gives other answers than our checks: {'; '.join(failed)}")
    return spent


def disagreements(output: bytes) -> list[str]:
    """The summary line of each check that failed. Raises LabError if the output cannot be read."""
    try:
        results = json.loads(output)["results"]
        return [one["summary-line-compact"] for one in results if not one["successful"]]
    except (ValueError, KeyError, TypeError) as error:
        raise LabError(f"goss on mail gave no results: {output[-500:].decode(errors='replace')}") from error


def _run_command(lab: Lab, argv: Sequence[str], stdin: bytes = b"") -> str:
    done = lab.exec("mail", argv, stdin=stdin, timeout=120)
    output = (done.stdout + done.stderr).decode(errors="replace")
    if done.exit_status != 0:
        raise LabError(
            f"goss on mail: {argv[2] if len(argv) > 2 else argv} ended with {done.exit_status}: {output[-2000:]}"
        )
    return output
