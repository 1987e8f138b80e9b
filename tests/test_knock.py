"""A knock tells an open door from a refusal and from silence; a scan is one command a family."""

from dataclasses import dataclass, field

import pytest

from proof import knock
from proof.outsider_scan import OutsiderScan


@dataclass
class Answer:
    rc: int
    stdout: str = ""
    stderr: str = ""
    command: str = "nc"

    def result(self) -> "Answer":
        return self


@dataclass
class Place:
    answer: Answer
    asked: list[str] = field(default_factory=list)

    def run(self, command: str, *args: str, **_: object) -> Answer:
        self.asked.append(command % args)
        return self.answer

    start = run


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (Answer(0, stderr="Connection to 10.100.0.25 2288 port [tcp/*] succeeded!"), "open"),
        (Answer(1, stderr="nc: connect to 10.100.0.25 port 2288 (tcp) failed: Connection refused"), "refused"),
        (Answer(1, stderr="nc: connect to 10.100.0.25 port 2288 (tcp) timed out: Operation now in progress"), "silent"),
    ],
)
def test_a_knock_tells_how_it_was_answered(answer: Answer, outcome: str) -> None:
    place = Place(answer)
    assert knock.knock(place, "10.100.0.25", 2288).outcome == outcome
    assert place.asked == ["nc -v -n -z -w 1 10.100.0.25 2288"]


def test_each_family_is_scanned_by_a_command_of_its_own() -> None:
    place = Place(Answer(0))
    OutsiderScan(place, {"IPv4": "198.51.100.25", "IPv6": "2001:db8:51::25"})
    assert [command.split()[-1] for command in place.asked] == ["198.51.100.25", "2001:db8:51::25"]
    assert ["-6" in command.split() for command in place.asked] == [False, True]
    assert all("-p-" in command.split() for command in place.asked)
