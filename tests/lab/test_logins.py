from collections.abc import Sequence

import pytest

from lab import logins
from lab.agent import Completed
from lab.errors import LabError


class Guest:
    """A guest with logins; `stubborn` ones survive `systemctl stop`."""

    def __init__(self, units: Sequence[str], stubborn: Sequence[str] = ()) -> None:
        self.units = list(units)
        self.stubborn = stubborn
        self.commands: list[str] = []

    def run(self, node: str, argv: Sequence[str], stdin: bytes = b"", timeout: float = 60.0) -> Completed:
        del node, stdin, timeout
        self.commands.append(" ".join(argv))
        if argv[1] == "stop":
            self.units = [unit for unit in self.units if unit in self.stubborn]
            return Completed(5, b"", b"Failed to stop session-12.scope: Unit session-12.scope not loaded.")
        return Completed(0, "".join(f"{unit} loaded active running\n" for unit in self.units).encode(), b"")


def test_every_login_ends() -> None:
    guest = Guest(["session-47.scope", "user@1000.service"])
    logins.end(guest.run, "mail")
    assert guest.units == []
    assert "systemctl stop session-*.scope user@*.service user-runtime-dir@*.service" in guest.commands


def test_without_a_login_nothing_is_stopped() -> None:
    guest = Guest([])
    logins.end(guest.run, "mail")
    assert not any(" stop " in command for command in guest.commands)


def test_the_hub_keeps_the_user_manager_of_root() -> None:
    guest = Guest(["session-2.scope"])
    logins.end(guest.run, "hub")
    assert "systemctl stop session-*.scope" in guest.commands


def test_a_login_that_stays_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logins, "SECONDS", 0.1)
    guest = Guest(["session-47.scope"], stubborn=["session-47.scope"])
    with pytest.raises(LabError, match=r"every login on mail to end.*session-47\.scope"):
        logins.end(guest.run, "mail")
