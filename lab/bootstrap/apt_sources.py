"""The machine's apt sources, read to find its backports on a mirror and with a key that it already trusts."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

SOURCES = Path("/etc/apt")
_CARRIED = ("signed-by", "architectures", "trusted", "check-valid-until")
_ONE_LINE = re.compile(
    r"^deb\s+(?:\[(?P<options>[^\]]*)\]\s+)?(?P<uri>\S+)\s+(?P<suite>\S+)(?P<components>(?:\s+\S+)*)$"
)
_SHORT = {"arch": "architectures"}  # one-line options that deb822 spells differently


@dataclass(frozen=True)
class Source:
    """One enabled place of binary packages: URIs, suites and components, and options as deb822 names them."""

    uris: tuple[str, ...]
    suites: tuple[str, ...]
    components: tuple[str, ...]
    options: Mapping[str, str] = field(default_factory=dict)


def read(folder: Path = SOURCES) -> tuple[Source, ...]:
    """Every enabled source below /etc/apt, of both formats, in apt's order."""
    parts = folder / "sources.list.d"
    lists = [folder / "sources.list", *sorted(parts.glob("*.list"))]
    found: list[Source] = []
    for path in lists:
        if path.is_file():
            found += one_line(path.read_text(errors="replace"))
    for path in sorted(parts.glob("*.sources")):
        found += deb822(path.read_text(errors="replace"))
    return tuple(found)


def one_line(text: str) -> Iterator[Source]:
    """Sources of the `deb [options] uri suite components` format; options keep deb822's names."""
    for raw in text.splitlines():
        match = _ONE_LINE.match(raw.split("#", 1)[0].strip())
        if match is None:
            continue
        options = dict(pair.partition("=")[::2] for pair in (match["options"] or "").split())
        yield Source(
            uris=(match["uri"],),
            suites=(match["suite"],),
            components=tuple(match["components"].split()),
            options={
                _SHORT.get(name.lower(), name.lower()): value.replace(",", " ") for name, value in options.items()
            },
        )


def deb822(text: str) -> Iterator[Source]:
    """Sources in the stanza format; a key within the file is kept as written."""
    uncommented = "\n".join(line for line in text.splitlines() if not line.startswith("#"))
    for stanza in re.split(r"\n\s*\n", uncommented):
        fields = dict(_fields(stanza))
        enabled = fields.pop("enabled", "yes").strip().lower() not in ("no", "false", "off", "0")
        if enabled and "deb" in fields.pop("types", "").split():
            yield Source(
                uris=tuple(fields.pop("uris", "").split()),
                suites=tuple(fields.pop("suites", "").split()),
                components=tuple(fields.pop("components", "").split()),
                options=fields,
            )


def _fields(stanza: str) -> Iterator[tuple[str, str]]:
    for match in re.finditer(r"^([A-Za-z0-9-]+):[ \t]*(.*(?:\n[ \t].*)*)", stanza, re.MULTILINE):
        yield match[1].lower(), match[2].rstrip()


def offers(sources: tuple[Source, ...], suite: str) -> bool:
    """Whether a suite's main component is among the sources."""
    return any(suite in source.suites and "main" in source.components for source in sources)


def backports(sources: tuple[Source, ...], codename: str) -> str | None:
    """Text of a .sources file for the backports of a release, on the mirror of that release."""
    for source in sources:
        uris = [uri for uri in source.uris if not uri.startswith("cdrom:")]
        if uris and codename in source.suites and "main" in source.components:
            carried = [(name.title(), source.options[name]) for name in _CARRIED if name in source.options]
            stanza = [
                ("Types", "deb"),
                ("URIs", " ".join(uris)),
                ("Suites", f"{codename}-backports"),
                ("Components", "main"),
                *carried,
            ]
            return "".join(f"{name}: {value}\n" if value[:1] != "\n" else f"{name}:{value}\n" for name, value in stanza)
    return None
