"""What apt would do and how it is set, from `apt-get --simulate` and `apt-config dump`."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

SECURITY_LABEL = "Debian-Security"


@dataclass(frozen=True)
class Update:
    """A pending update; `sources` are the archives that hold the new version, like `Debian-Security:13/...`."""

    package: str
    version: str
    sources: tuple[str, ...]

    @property
    def is_security(self) -> bool:
        """Whether Debian's security archive holds it."""
        return any(source.startswith(f"{SECURITY_LABEL}:") for source in self.sources)


def pending(text: str) -> tuple[Update, ...]:
    """Every update of an installed package in the output of `apt-get --simulate dist-upgrade`."""
    found = re.finditer(r"^Inst (\S+) \[[^\]]*\] \((\S+) (.*?) \[[^\]]*\]\)", text, re.MULTILINE)
    return tuple(Update(m[1], m[2], tuple(part.strip() for part in m[3].split(","))) for m in found)


def settings(text: str) -> Mapping[str, str]:
    """Settings by their full name, from the output of `apt-config dump`."""
    return dict(re.findall(r'^(\S+) "(.*)";$', text, re.MULTILINE))
