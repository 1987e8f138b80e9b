"""The sixty checks with goss, a program that runs on the host itself; measured if its path is given."""

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
    """The checks in goss's words, which JSON is too; each expects the answer that we got."""
    asked: dict[str, dict[str, object]] = {}
    for check, answer in zip(CHECKS, answers, strict=True):
        noun, name, expected = _in_its_words(check, answer)
        asked.setdefault(noun, {})[name] = expected
    return asked


def _in_its_words(check: Check, answer: object) -> tuple[str, str, Mapping[str, object]]:
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
    """Seconds of each run, on mail and out of band; nothing of it stays there.

    Raises:
        LabError: goss cannot be read, does not run, or gives other answers than ours.
    """
    try:
        binary = program.read_bytes()
    except OSError as error:
        raise LabError(f"{VARIABLE} names no goss: {error}.", f"unset {VARIABLE}") from error
    folder = _told(lab, ["sh", "-c", _UPLOAD], binary).strip()
    try:
        _told(lab, ["sh", "-c", _READ_SHEET, folder], json.dumps(sheet(answers)).encode())
        return [_run(lab, folder) for _ in range(TIMES)]
    finally:
        _told(lab, ["rm", "-r", folder])


def _run(lab: Lab, folder: str) -> float:
    started = time.monotonic()
    done = lab.exec("mail", ["sh", "-c", _VALIDATE, folder], timeout=120)
    spent = time.monotonic() - started
    if other := disagreements(done.stdout):
        raise LabError(f"goss on mail does not agree with us: {'; '.join(other)}")
    return spent


def disagreements(said: bytes) -> list[str]:
    """What goss found otherwise than expected, in its own words. Raises LabError if it said nothing of use."""
    try:
        results = json.loads(said)["results"]
        return [one["summary-line-compact"] for one in results if not one["successful"]]
    except (ValueError, KeyError, TypeError) as error:
        raise LabError(f"goss on mail gave no results: {said[-500:].decode(errors='replace')}") from error


def _told(lab: Lab, argv: Sequence[str], stdin: bytes = b"") -> str:
    done = lab.exec("mail", argv, stdin=stdin, timeout=120)
    said = (done.stdout + done.stderr).decode(errors="replace")
    if done.exit_status != 0:
        raise LabError(
            f"goss on mail: {argv[2] if len(argv) > 2 else argv} ended with {done.exit_status}: {said[-2000:]}"
        )
    return said
