"""The same questions in goss's words, and nothing left on the host."""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from lab.agent import Completed
from lab.errors import LabError
from proof.bench import goss
from proof.bench.checks import CHECKS

ANSWERS: Sequence[object] = [
    0o755 if check.noun == "file" else 1 if check.noun == "user" else False for check in CHECKS
]


class FakeLab:
    """Runs nothing; `status` is how goss ends."""

    def __init__(self, status: int = 0) -> None:
        self.status = status
        self.did: list[str] = []

    def exec(self, _node: str, argv: Sequence[str], stdin: bytes = b"", timeout: float = 60.0) -> Completed:
        del stdin, timeout
        self.did.append(argv[0] if argv[0] == "rm" else argv[2].split()[0])
        if argv[2:3] != [goss._VALIDATE]:
            return Completed(0, b"/tmp/x\n", b"")
        result = {"summary-line-compact": "Service: ssh: running: false", "successful": self.status == 0}
        return Completed(self.status, json.dumps({"results": [result]}).encode(), b"")


def test_every_check_is_asked() -> None:
    asked = goss.sheet(ANSWERS)
    assert sum(len(names) for names in asked.values()) == len(CHECKS)
    assert asked["file"]["/etc"] == {"exists": True, "mode": "0755"}
    assert asked["port"] == {"tcp:1": {"listening": False}}


def test_nothing_stays_whether_or_not_goss_agrees(tmp_path: Path) -> None:
    program = tmp_path / "goss"
    program.write_bytes(b"elf")
    good = FakeLab()
    assert len(goss.measure(good, program, ANSWERS)) == goss.TIMES  # type: ignore[arg-type]
    bad = FakeLab(status=1)
    with pytest.raises(LabError, match="Service: ssh: running: false"):
        goss.measure(bad, program, ANSWERS)  # type: ignore[arg-type]
    assert (good.did[-1], bad.did[-1]) == ("rm", "rm")


def test_what_goss_reports_without_results_is_reported() -> None:
    with pytest.raises(LabError, match="no results: exec format error"):
        goss.disagreements(b"exec format error")


def test_a_goss_that_is_missing_at_its_path(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="is not the path of goss"):
        goss.measure(FakeLab(), tmp_path / "none", ANSWERS)  # type: ignore[arg-type]
