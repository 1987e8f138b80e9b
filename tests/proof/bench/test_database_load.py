"""Figures of a load, and clients that count what goes wrong."""

from collections.abc import Callable
from typing import Any

import pytest

from proof.bench import database_load
from proof.database import cost
from proof.database.mail_clients import archive, pairs
from proof.probes import load
from proof.probes.load import Client, Tally


class FakeConnection:
    """Answers every statement, or fails as it is told."""

    autocommit = False

    def __init__(self, fails: bool = False) -> None:
        self.fails = fails

    def cursor(self) -> "FakeConnection":
        return self

    def __enter__(self) -> "FakeConnection":
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def execute(self, statement: str) -> None:
        if self.fails:
            raise OSError(f"no answer to {statement}")

    def fetchall(self) -> list[tuple[int]]:
        return [(1,)]

    def close(self) -> None:
        pass


@pytest.fixture
def connect(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[dict[str, str]], Any]], None]:
    return lambda made: monkeypatch.setattr(load, "_connect", made)


def client(user: str) -> Client:
    return Client(settings={"user": user}, statements=["SELECT 1"])


@pytest.mark.parametrize(
    ("values", "share", "expected"),
    [([5.0], 0.99, 5.0), (list(range(1, 101)), 0.99, 99), (list(range(1, 101)), 0.5, 50), ([3, 1, 2], 1.0, 3)],
)
def test_percentile(values: list[float], share: float, expected: float) -> None:
    assert database_load.percentile(values, share) == expected


def test_figures_of_a_load() -> None:
    found = {
        figure.key: figure for figure in database_load.figures_of(Tally(microseconds=[1000, 3000, 2000], errors=[]))
    }
    assert (found["load.median_ms"].value, found["load.p99_ms"].value) == (2, 3)
    assert found["load.lookups"].value == 3
    assert found["load.errors"].reached is True


def test_a_load_that_failed_is_no_good_figure() -> None:
    (found,) = database_load.figures_of(Tally(microseconds=[], errors=["refused"]))
    assert (found.key, found.reached) == ("load.errors", False)


def test_clients_look_up_until_time_is_over(connect: Callable[..., None]) -> None:
    connect(lambda _: FakeConnection())
    tally = load.look_up([client("a"), client("b")], 0.05)
    assert tally["errors"] == []
    assert len(tally["microseconds"]) > 2


def test_a_client_that_cannot_log_in_holds_up_no_one(connect: Callable[..., None]) -> None:
    def made(settings: dict[str, str]) -> FakeConnection:
        if settings["user"] == "b":
            raise OSError("refused")
        return FakeConnection()

    connect(made)
    tally = load.look_up([client("a"), client("b")], 30.0)
    assert "OSError: refused" in tally["errors"]
    assert len(tally["errors"]) == 2, "who waited for it counts too"


def test_a_look_up_that_fails_is_counted(connect: Callable[..., None]) -> None:
    connect(lambda settings: FakeConnection(fails=settings["user"] == "b"))
    assert load.look_up([client("a"), client("b")], 0.05)["errors"] == ["OSError: no answer to SELECT 1"]


def test_who_is_let_in_and_who_is_not(connect: Callable[..., None]) -> None:
    def made(settings: dict[str, str]) -> FakeConnection:
        if settings["user"] == "b":
            raise OSError("timeout expired")
        return FakeConnection()

    connect(made)
    assert load.refusals([{"user": "a"}, {"user": "b"}]) == ["", "OSError: timeout expired"]


def test_cost_against_a_typical_openssl() -> None:
    rows = [[10.0, True, 10.4], [20.0, True, 20.2]]
    assert cost.times_openssl(rows, [0.1, 0.2, 9.0]) == pytest.approx([2.0, 1.0])


def test_what_postmap_and_doveadm_print() -> None:
    assert pairs("a@b\tc,d\nwarning without a tab\ne\tf g\n") == {"a@b": "c,d", "e": "f g"}


def test_files_travel_closed_to_others() -> None:
    assert b"0000600" in archive({"a.cf": b"secret"})
