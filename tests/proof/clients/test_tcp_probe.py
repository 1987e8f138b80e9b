"""A probe distinguishes open, refused and silent; a scan is one command a family."""

from dataclasses import dataclass, field

import pytest

from proof.clients import tcp_probe
from proof.clients.port_scan import OutsiderScan
from proof.parsers.errors import NothingToReadError


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
def test_a_probe_reports_the_result(answer: Answer, outcome: str) -> None:
    place = Place(answer)
    assert tcp_probe.try_port(place, "10.100.0.25", 2288).outcome == outcome
    assert place.asked == ["nc -v -n -z -w 1 10.100.0.25 2288"]


@pytest.mark.parametrize("said", ["sh: 1: nc: not found", "nc: connect to 2001:db8::1: Network is unreachable", ""])
def test_a_knock_that_was_not_made_is_no_silence(said: str) -> None:
    with pytest.raises(NothingToReadError, match="nobody knows"):
        tcp_probe.try_port(Place(Answer(127, stderr=said)), "10.100.0.25", 2288)


REPORT = """<?xml version="1.0"?>
<nmaprun><host><address addr="{}"/><ports/></host><runstats><finished elapsed="1" exit="success"/></runstats></nmaprun>
"""


def test_families_are_scanned_one_after_the_other() -> None:
    addresses = {"IPv4": "198.51.100.25", "IPv6": "2001:db8:51::25"}
    place = Place(Answer(0, stdout="".join(map(REPORT.format, addresses.values()))))
    scan = OutsiderScan(place, addresses)
    first, second = place.asked[0].split("; ")
    assert (first.split()[-1], second.split()[-1]) == tuple(addresses.values())
    assert ("-6" in first.split(), "-6" in second.split()) == (False, True)
    assert {family: scan.result(family).address for family in addresses} == addresses


def test_a_family_without_a_report_was_not_scanned() -> None:
    scan = OutsiderScan(Place(Answer(0, stdout=REPORT.format("198.51.100.25"))), {"IPv4": "", "IPv6": ""})
    with pytest.raises(NothingToReadError):
        scan.result("IPv6")
