"""ssh-audit's JSON report (`ssh-audit --json`): which offered algorithm is not good enough, and why.

ssh-audit notes an algorithm with `fail`, `warn` and `info`; one that it does not know is a `fail` of its own,
so an algorithm that a newer OpenSSH invents is never taken for a strong one.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from proof.parsers.errors import NothingToReadError

KINDS = ("kex", "key", "enc", "mac")
MARKERS = ("ext-info-s", "kex-strict-s-v00@openssh.com")  # offered among the key exchanges, but none of them


@dataclass(frozen=True)
class Offer:
    """One algorithm that the server offers.

    Args:
        kind: kex, key, enc or mac.
        complaints: every `fail` and `warn` note, prefixed with its level; empty for a good algorithm.
    """

    kind: str
    algorithm: str
    complaints: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.kind} {self.algorithm}: {'; '.join(self.complaints) or 'good'}"


@dataclass(frozen=True)
class Report:
    """What ssh-audit says about one server; `software` is like `OpenSSH_10.0p2`."""

    software: str
    offers: tuple[Offer, ...]

    def complaints(self) -> tuple[Offer, ...]:
        """Every offered algorithm that is not good."""
        return tuple(offer for offer in self.offers if offer.complaints)

    def algorithms(self, kind: str) -> tuple[str, ...]:
        """The offered algorithms of one kind, in the server's order, without protocol markers."""
        return tuple(o.algorithm for o in self.offers if o.kind == kind and o.algorithm not in MARKERS)


def parse(text: str) -> Report:
    """Read a report.

    Raises:
        NothingToReadError: the text is no report of a finished audit.
    """
    try:
        document = json.loads(text)
        software = str(document["banner"]["software"])
        offers = tuple(_offer(kind, entry) for kind in KINDS for entry in document[kind])
    except (KeyError, TypeError, json.JSONDecodeError) as error:
        raise NothingToReadError(f"not a report of ssh-audit ({error!r}): {text[:400]!r}") from error
    return Report(software, offers)


def _offer(kind: str, entry: Mapping[str, object]) -> Offer:
    notes = entry["notes"]
    if not isinstance(notes, Mapping):
        raise TypeError(f"notes of {entry['algorithm']} are {notes!r}")
    complaints = tuple(f"{level}: {note}" for level in ("fail", "warn") for note in notes.get(level, ()))
    return Offer(kind, str(entry["algorithm"]), complaints)
