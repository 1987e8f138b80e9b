"""The journal of drift: what a host gained and lost between two looks, and what the host knew of it."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from lab.paths import BUILD
from proof.whole_host import looks
from proof.whole_host.looks import Look

FOLDER = BUILD / "journal"


@dataclass(frozen=True)
class Entry:
    """One change between two looks (UTC), and what the host knew of it; new has no `before`, gone no `after`."""

    host: str
    since: str
    at: str
    section: str
    name: str
    before: str
    after: str
    origin: str = ""


def between(host: str, before: Look, after: Look) -> list[Entry]:
    """What changed between two looks; of what is no file, the host knows only what was done in that time."""
    return [
        Entry(
            host,
            before.at,
            after.at,
            one.section,
            one.name,
            one.before,
            one.after,
            after.origins.get(one.name) or after.meanwhile,
        )
        for one in looks.changes(before.taken, after.taken)
    ]


def append(entries: list[Entry], folder: Path = FOLDER) -> None:
    """Add entries, a line each, to the journals of their hosts."""
    folder.mkdir(parents=True, exist_ok=True)
    for one in entries:
        path = folder / f"{one.host}.jsonl"
        with path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(asdict(one), ensure_ascii=False) + "\n")
        path.chmod(0o600)


def read(folder: Path = FOLDER) -> Iterator[Entry]:
    """Every entry of every host that can be read, in no order."""
    for path in sorted(folder.glob("*.jsonl")):
        for line in path.read_text(encoding="utf-8").splitlines():
            try:
                told: Mapping[str, str] = json.loads(line)
                yield Entry(**told)
            except (ValueError, TypeError):
                continue
