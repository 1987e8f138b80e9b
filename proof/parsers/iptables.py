"""Rules of the packet filter as `iptables -S` prints them: those that admit a port, and from where."""

import ipaddress
import re
import shlex
from dataclasses import dataclass

from proof.parsers.errors import NothingToReadError

INCOMING = ("INPUT", "ufw-user-input", "ufw6-user-input")  # of what is in these chains, a rule without a port names all
EVERY_PORT = range(1 << 16)
ADMITTING = ("ACCEPT", "ufw-user-limit", "ufw-user-limit-accept", "ufw6-user-limit", "ufw6-user-limit-accept")


# Family to the command that counts what the policy of the incoming packets met.
COUNTERS = {"IPv4": "iptables -nvxL INPUT", "IPv6": "ip6tables -nvxL INPUT"}
POLICY = re.compile(r"^Chain INPUT \(policy \w+ (\d+) packets", re.MULTILINE)


@dataclass(frozen=True)
class Rule:
    """A rule: `ports` are TCP destination ports as ranges; `source` is empty if it admits anyone."""

    chain: str
    source: str
    ports: tuple[range, ...]
    target: str
    text: str

    def admits_from_elsewhere(self, network: str) -> bool:
        """Whether someone outside a network is admitted."""
        if not self.source:
            return True
        allowed = ipaddress.ip_network(network)
        source = ipaddress.ip_network(self.source, strict=False)
        if isinstance(source, ipaddress.IPv6Network) or isinstance(allowed, ipaddress.IPv6Network):
            return True
        return not source.subnet_of(allowed)


def admitting(text: str, port: int) -> tuple[Rule, ...]:
    """The rules that let packets to a TCP port in, from outside and of new connections."""
    rules = (_rule(line) for line in text.splitlines() if line.startswith("-A "))
    return tuple(r for r in rules if r.target in ADMITTING and any(port in span for span in r.ports))


def dropped(text: str) -> int:
    """How many incoming packets no rule matched, from the output of one of COUNTERS. Raises NothingToReadError."""
    found = POLICY.search(text)
    if found is None:
        raise NothingToReadError(f"no policy of the incoming packets: {text[:300]!r}")
    return int(found[1])


def _rule(line: str) -> Rule:
    words = shlex.split(line)
    value = {word: words[at + 1] for at, word in enumerate(words[:-1]) if word.startswith("-")}
    negated = "!" in words
    ports = value.get("--dport") or value.get("--dports") or ""
    spans = tuple(_span(part) for part in ports.split(",") if part) if value.get("-p") == "tcp" else ()
    inside = value.get("-i") == "lo" and not negated
    known = "NEW" not in (value.get("--ctstate") or value.get("--state") or "NEW").split(",") and not negated
    if not ports and value.get("-p", "all") in {"all", "tcp"} and value["-A"] in INCOMING and not (inside or known):
        spans = (EVERY_PORT,)
    source = "" if negated else value.get("-s", "")
    return Rule(value["-A"], source, spans, value.get("-j", value.get("-g", "")), line)


def _span(part: str) -> range:
    first, _, last = part.partition(":")
    return range(int(first), int(last or first) + 1)
