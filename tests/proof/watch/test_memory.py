"""What is news after a look, on a clock that is moved."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from proof.watch import memory as memories
from proof.watch.memory import Look, Memory, Message, Pause, Result

START = datetime(2026, 11, 1, 10, 0, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


class Host:
    """Looks at a host, one after the other."""

    def __init__(self, fresh_days: int | None = None) -> None:
        self.memory = Memory()
        self.now = START
        self.fresh_days = fresh_days

    def look(self, red: str = "", after: timedelta = HOUR, green: str = "ab", why: str = "") -> list[Message]:
        """Messages of a look after so long, at which these criteria are red and those green."""
        self.now += after
        results = [Result("1.3.1", name, red=True, seen=f"{name} leaks", again=f"pytest {name}") for name in red]
        results += [Result("1.3.1", name, red=False) for name in green if name not in red]
        self.memory, told = memories.after(
            self.memory, "vultr", Look(self.now, () if why else tuple(results), why), self.fresh_days
        )
        return told


def test_a_host_that_is_well_is_not_spoken_of() -> None:
    host = Host()
    assert [host.look(), host.look(), host.look()] == [[], [], []]


def test_red_is_told_once_and_then_once_a_day_until_it_is_green_again() -> None:
    host = Host()
    host.look()
    (red,) = host.look("a")
    assert (red.level, red.title) == ("red", "vultr: 1 criterion is red")
    assert red.body == "1.3.1 a\n  a leaks\nSince 2026-11-01 12:00 UTC at the latest.\npytest a"
    assert [host.look("a") for _ in range(23)] == [[]] * 23
    (still,) = host.look("a")
    assert (still.title, still.body) == ("vultr: still red", "1.3.1 a, for 24 h\npytest a")
    (green,) = host.look()
    assert (green.level, green.title) == ("green", "vultr: 1 criterion is green again")
    assert green.body == "1.3.1 a, after 25 h\nNothing is red."
    assert host.look() == []


def test_what_turns_red_at_once_is_one_message_that_fits_a_phone() -> None:
    host = Host()
    (told,) = host.look("abcdefgh")
    assert told.title == "vultr: 8 criteria are red"
    assert "and 3 more" in told.body
    assert len(told.body) < 400


def test_a_second_one_is_told_and_the_first_is_not_told_again() -> None:
    host = Host()
    host.look("a")
    (told,) = host.look("ab")
    assert told.title == "vultr: 1 criterion is red"
    assert "1.3.1 b" in told.body
    (green,) = host.look("a")
    assert green.body.endswith("1 still red.")


def test_a_criterion_that_was_not_tried_stays_as_it_was() -> None:
    host = Host()
    host.look("a")
    assert host.look(green="b") == []
    assert host.memory.criteria["1.3.1 a"].red


def test_a_host_that_cannot_be_seen_is_no_red_criterion() -> None:
    host = Host()
    host.look()
    (told,) = host.look(why="the VPN is down")
    assert told.title == "vultr: not seen since 2026-11-01 11:00 UTC"
    assert told.body == "the VPN is down\npytest --host=vultr"
    assert [host.look(why="the VPN is down") for _ in range(3)] == [[]] * 3
    (again,) = host.look(why="the VPN is down", after=DAY)
    assert again.title == told.title
    (seen,) = host.look()
    assert (seen.level, seen.title) == ("green", "vultr: seen again")
    assert host.look() == []


def test_evidence_that_will_soon_not_count_is_told_once() -> None:
    host = Host(fresh_days=30)
    host.look()
    assert host.look(after=27 * DAY, green="a") == []
    (told,) = host.look(after=2 * DAY, green="a")
    assert told.title == "vultr: 1 criterion is about to be stale"
    assert "1.3.1 b" in told.body
    assert host.look(green="a") == []
    assert host.look() == []


def test_silence_is_told_where_no_attempt_was_made_for_too_long() -> None:
    host = Host()
    host.look()
    assert memories.silence(host.memory, "vultr", host.now + 3 * HOUR, 3 * HOUR) is None
    told = memories.silence(host.memory, "vultr", host.now + 4 * HOUR, 3 * HOUR)
    assert told is not None
    assert told.title == "vultr: the watch is silent"
    assert "has not run since 2026-11-01 11:00 UTC" in told.body
    never = memories.silence(Memory(), "vultr", host.now, HOUR)
    assert never is not None
    assert "since it was installed" in never.body


def test_planned_work_is_no_silence() -> None:
    memory = Memory(tried=START, pause=Pause(START + 9 * HOUR, "a new kernel"))
    assert memory.paused(START + 8 * HOUR)
    assert memories.silence(memory, "vultr", START + 8 * HOUR, HOUR) is None
    assert not memory.paused(START + 9 * HOUR)
    assert memories.silence(memory, "vultr", START + 10 * HOUR, HOUR)


@pytest.mark.parametrize("text", ["", "{", '{"format": 99}'])
def test_memory_that_no_one_can_read_begins_anew(tmp_path: Path, text: str) -> None:
    host = Host()
    host.look("a")
    path = tmp_path / "memory.json"
    memories.write(path, host.memory)
    assert memories.read(path) == host.memory
    assert path.stat().st_mode & 0o777 == 0o600
    path.write_text(text)
    assert memories.read(path) == Memory()
