"""A terminal of one's own shows what a person would see, and knows whether typing is hidden."""

import os
from pathlib import Path

import pytest

from lab.waiting import WaitTimeoutError
from proof.clients.terminal import Terminal

HIDES = "IFS= read -r -s -p 'Secret: ' s; echo; echo \"${#s} characters\""
SHOWS = "IFS= read -r -p 'Secret: ' s; echo \"${#s} characters\""


def bash(script: str, folder: Path, patience: float = 10.0) -> Terminal:
    return Terminal(["bash", "-c", script], {"PATH": os.environ["PATH"]}, folder, patience)


def test_hidden_typing_does_not_show(tmp_path: Path) -> None:
    with bash(HIDES, tmp_path) as terminal:
        terminal.expect("secret:")
        terminal.expect_hidden_input()
        terminal.type("correct horse")
        assert terminal.wait() == 0
    assert "13 characters" in terminal.screen
    assert "correct horse" not in terminal.screen


def test_typing_that_shows_is_noticed_before_a_secret_is_typed(tmp_path: Path) -> None:
    with bash(SHOWS, tmp_path, patience=0.5) as terminal:
        terminal.expect("Secret:")
        with pytest.raises(WaitTimeoutError, match="typing to be hidden"):
            terminal.expect_hidden_input()


def test_words_that_never_come_end_the_wait_with_the_screen(tmp_path: Path) -> None:
    terminal = bash("echo something else; read -r x", tmp_path, patience=0.5)
    with terminal, pytest.raises(WaitTimeoutError, match="something else"):
        terminal.expect("a prompt")


def test_the_exit_status_is_the_programs(tmp_path: Path) -> None:
    with bash("tty -s && exit 7", tmp_path) as terminal:
        assert terminal.wait() == 7
