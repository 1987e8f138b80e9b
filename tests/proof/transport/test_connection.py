"""The connection: dies, is noticed, comes back, and leaves nothing."""

import os
import signal
import time

import pytest

from proof.transport.connection import Channel, Connection
from proof.transport.errors import ConnectionLostError, Unreachable
from proof.transport.host import Host, place
from proof.transport.observation import Observation
from tests.proof.transport.here import HERE, host_here
from tests.proof.transport.test_command import ended

LINE = "proof.transport.connection"


@pytest.fixture
def seen() -> list[Observation]:
    return []


@pytest.fixture
def here(seen: list[Observation], request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Host:
    monkeypatch.setattr(f"{LINE}.FRESH", 0.0)
    host = host_here(seen)
    request.addfinalizer(host.close)
    return host


def reconnections(seen: list[Observation]) -> list[str]:
    return [one.command for one in seen if one.command.startswith("reconnected")]


def pid_of(host: Host) -> int:
    return int(host.call(os.getpid))


def test_a_dead_connection_is_replaced_and_told(here: Host, seen: list[Observation]) -> None:
    os.kill(pid_of(here), signal.SIGKILL)
    assert here.run("echo back").stdout == "back\n"
    assert reconnections(seen) == ["reconnected to the same boot"]


def test_a_silent_connection_is_noticed_soon(
    here: Host, seen: list[Observation], monkeypatch: pytest.MonkeyPatch
) -> None:
    pid = pid_of(here)
    monkeypatch.setattr(f"{LINE}.PING", 0.3)
    os.kill(pid, signal.SIGSTOP)
    started = time.monotonic()
    assert here.file("/").is_directory
    assert time.monotonic() - started < 5
    assert len(reconnections(seen)) == 1
    assert ended(pid)


def test_a_command_lost_on_the_way_is_no_result(here: Host) -> None:
    with pytest.raises(ConnectionLostError, match=r"the connection was lost during `kill -KILL \$PPID"):
        here.run("kill -KILL $PPID; sleep 5")
    assert here.run("echo back").stdout == "back\n"


def test_a_function_lost_on_the_way_is_no_result(here: Host) -> None:
    answer = here.begin(time.sleep, 5)
    os.kill(pid_of(here), signal.SIGKILL)
    with pytest.raises(ConnectionLostError, match=r"time\.sleep"):
        answer()


def test_a_command_lost_earlier_costs_no_later_connection(here: Host, seen: list[Observation]) -> None:
    lost = here.start("sleep 60")
    os.kill(pid_of(here), signal.SIGKILL)
    pid = pid_of(here)
    with pytest.raises(ConnectionLostError):
        lost.result()
    assert pid_of(here) == pid
    assert len(reconnections(seen)) == 1


def test_closing_leaves_no_process(here: Host) -> None:
    pid = pid_of(here)
    command = here.start("echo $$; sleep 60")
    inner = place(here, "inner", ["env", "X=1"])
    within = pid_of(inner)
    assert not command.done()
    group = int(here.check_output("pgrep -P %s -f 'sleep 6[0]'", str(pid)).split()[0])
    here.close()
    assert ended(pid)
    assert ended(within)
    assert ended(group)


def test_after_closing_on_purpose_the_next_connection_is_no_news(here: Host, seen: list[Observation]) -> None:
    here.run("true")
    here.close()
    assert here.run("true").rc == 0
    assert reconnections(seen) == []


def test_places_come_back_with_their_host(here: Host) -> None:
    inner = place(here, "inner", ["env", "WHERE=inside"])
    assert inner.call(os.getenv, "WHERE") == "inside"
    os.kill(pid_of(here), signal.SIGKILL)
    assert inner.call(os.getenv, "WHERE") == "inside"
    assert inner.run("true").rc == 0


def test_unreachable_is_reported_each_time() -> None:
    def refused() -> Channel:
        raise Unreachable(HERE, "ssh: connect to host here.invalid port 22: Connection refused")

    line = Connection(HERE, refused, lambda _: None)
    for _ in range(2):
        with pytest.raises(Unreachable, match="Connection refused"):
            line.ready()


def test_answers_is_a_question_for_waiting(here: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    assert here.answers()
    os.kill(pid_of(here), signal.SIGKILL)

    def gone(_: Connection) -> Channel:
        raise Unreachable(HERE, "gone")

    monkeypatch.setattr(Connection, "ready", gone)
    assert not here.answers()
    monkeypatch.undo()
    assert here.answers()
