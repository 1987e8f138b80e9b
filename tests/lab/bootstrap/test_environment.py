"""The environment is made once, kept while it fits, and never trusted half-made."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from lab.bootstrap import environment, stage


class Checkout:
    """A checkout whose commands are collected; making an environment writes what the real one would."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.root = root
        self.commands: list[str] = []
        self.pip_fails = False
        (root / "pyproject.toml").write_text("[project]\n")
        (root / "constraints.txt").write_text("")
        monkeypatch.setattr(environment, "ROOT", root)
        monkeypatch.setattr(environment, "VENV", root / ".venv")
        monkeypatch.setattr(environment, "BUILD", root / "build")
        monkeypatch.setattr(stage, "run", self._stage)

    def _stage(self, _title: str, command: Sequence[str], _expected: float) -> None:
        kind = "pip" if "pip" in command else "venv"
        self.commands.append(kind)
        if kind == "venv":
            scripts = self.root / ".venv/bin"
            scripts.mkdir()
            (scripts / "python").write_text("#!/bin/sh\nexit 0\n")
            (scripts / "python").chmod(0o755)
            (scripts / "pip").write_text(f"#!{self.root}/.venv/bin/python\n")
        elif self.pip_fails:
            raise KeyboardInterrupt

    def ensure(self, tests: bool = False) -> list[str]:
        """What was run to bring the environment up to date."""
        self.commands.clear()
        environment.ensure(tests)
        return list(self.commands)


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Checkout:
    return Checkout(tmp_path, monkeypatch)


def test_a_second_run_does_nothing(checkout: Checkout) -> None:
    assert checkout.ensure() == ["venv", "pip"]
    assert checkout.ensure() == []


def test_what_tests_need_is_added_once_and_stays(checkout: Checkout) -> None:
    checkout.ensure()
    assert checkout.ensure(tests=True) == ["pip"]
    assert checkout.ensure(tests=True) == []
    assert checkout.ensure() == []


def test_a_changed_definition_installs_again_into_the_same_environment(checkout: Checkout) -> None:
    checkout.ensure()
    (checkout.root / "pyproject.toml").write_text("[project]\nname = 'x'\n")
    assert checkout.ensure() == ["pip"]
    assert checkout.ensure() == []


def test_an_interrupted_installation_is_made_again(checkout: Checkout) -> None:
    checkout.pip_fails = True
    with pytest.raises(KeyboardInterrupt):
        checkout.ensure()
    checkout.pip_fails = False
    assert checkout.ensure() == ["venv", "pip"]


def test_an_environment_whose_interpreter_is_gone_is_made_again(checkout: Checkout) -> None:
    checkout.ensure()
    (checkout.root / ".venv/bin/python").unlink()
    assert checkout.ensure() == ["venv", "pip"]


def test_a_copied_checkout_gets_an_environment_of_its_own(checkout: Checkout) -> None:
    checkout.ensure()
    (checkout.root / ".venv/bin/pip").write_text("#!/elsewhere/.venv/bin/python\n")
    (checkout.root / ".venv/made-from").write_text("0000 /elsewhere\n")
    assert checkout.ensure() == ["venv", "pip"]


def test_an_environment_made_by_hand_is_kept(checkout: Checkout) -> None:
    checkout.ensure()
    (checkout.root / ".venv/made-from").unlink()
    assert checkout.ensure() == ["pip"]
