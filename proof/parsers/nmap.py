"""A port scan as nmap's XML reports it: which ports answered, and how many stayed silent."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from xml.etree import ElementTree as Xml

from proof.parsers.errors import NothingToReadError

EVERY_PORT = 65535


@dataclass(frozen=True)
class Answer:
    """A port that answered: state is open or closed, reason is like syn-ack or reset."""

    port: int
    state: str
    reason: str

    def __str__(self) -> str:
        return f"{self.port}/tcp {self.state} ({self.reason})"


@dataclass(frozen=True)
class Scan:
    """One host scanned.

    Args:
        answers: ports that answered, listed by number.
        answered_more: answering ports that nmap only counted, as `count reason`.
        silent: how many ports gave no answer at all.
        seconds: how long the scan took.
    """

    address: str
    answers: tuple[Answer, ...]
    answered_more: tuple[str, ...]
    silent: int
    seconds: float

    def __str__(self) -> str:
        heard = [str(answer) for answer in self.answers[:40]] + list(self.answered_more)
        names = ", ".join(heard) or "none"
        return f"{self.address}: {self.silent} ports silent in {self.seconds:.0f} s, answered: {names}"


def parse(text: str) -> Scan:
    """Read the XML (`nmap -oX`) of a finished scan of one host.

    Raises:
        NothingToReadError: the scan did not finish, or saw no host.
    """
    try:
        root = Xml.fromstring(text)  # noqa: S314 - written by our own nmap on our own hub
    except Xml.ParseError as error:
        raise NothingToReadError(f"nmap's report is not complete ({error}): ...{text[-300:]!r}") from error
    host, finished = root.find("host"), root.find("runstats/finished")
    if host is None or finished is None or finished.get("exit") != "success":
        raise NothingToReadError(f"nmap did not finish a scan of a host: ...{text[-300:]!r}")
    answers, silent = [], 0
    for port in host.iterfind("ports/port"):
        answer = _answer(port)
        if answer.reason == "no-response":
            silent += 1
        else:
            answers.append(answer)
    grouped = Counter(dict(_grouped(host)))
    silent += grouped.pop("no-response", 0)
    address = host.find("address")
    return Scan(
        "" if address is None else address.get("addr", ""),
        tuple(answers),
        tuple(f"{count} more ({reason})" for reason, count in grouped.items()),
        silent,
        float(finished.get("elapsed", "0")),
    )


def _answer(port: Xml.Element) -> Answer:
    state = port.find("state")
    if state is None:
        raise NothingToReadError(f"nmap names port {port.get('portid')} without a state")
    return Answer(int(port.get("portid", "0")), state.get("state", ""), state.get("reason", ""))


def _grouped(host: Xml.Element) -> Iterator[tuple[str, int]]:
    for extra in host.iterfind("ports/extraports"):
        for reason in extra.iterfind("extrareasons"):
            yield (
                reason.get("reason", "").replace("no-responses", "no-response"),
                int(reason.get("count", "0")),
            )
