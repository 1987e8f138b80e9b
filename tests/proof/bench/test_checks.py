"""Sixty checks, and no figure without the same answers."""

from collections import Counter

import pytest

from proof.bench import checks
from proof.bench.checks import CHECKS, Check


def test_what_is_checked() -> None:
    assert len(CHECKS) == len(set(CHECKS)) == 60
    nouns = Counter(check.noun for check in CHECKS)
    assert nouns == {"file": 20, "user": 10, "package": 10, "service": 10, "socket": 2, "sysctl": 8}


def test_a_check_is_testinfras_own_sentence() -> None:
    class Host:
        def file(self, name: str) -> str:
            return name

        def sysctl(self, name: str) -> int:
            return len(name)

    assert Check("file", "ab", "upper").answer(Host())() == "AB"  # type: ignore[operator]
    assert Check("sysctl", "abc").answer(Host()) == 3


def test_different_answers_are_no_figure() -> None:
    same: list[object] = [True] * len(CHECKS)
    checks._same({"stock": same, "ours": same})
    with pytest.raises(AssertionError, match="answered differently"):
        checks._same({"stock": same, "ours": [*same[:-1], False]})
