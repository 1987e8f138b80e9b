"""What the parts of a snapshot share: commands, keyed digests, and values of the target's own by their names."""

import fnmatch
import hashlib
import os
import re
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TypedDict

Section = dict[str, str]
SETTLED_SECONDS = 20.0  # what ends sooner comes and goes, such as a check of a container's health
NUMBER = re.compile(r"\b[0-9a-f]{12,64}\b")  # of a container, a network, a layer
READ, UNREAD = "as they were read", "changed since they were read"
DIGEST = 8  # bytes: enough to see a change
SHORT = 120  # characters that are shown in full
LARGE = 4 << 20  # bytes; a larger file holds no settings


class Settings(TypedDict):
    """What a snapshot is told.

    left_out: patterns of paths that are not looked at, with all below them.
    masked: patterns of paths, each with a regular expression whose matches in a file's content do not count.
    values: values of the target's own, each with the name that replaces it.
    key: key of all digests, hexadecimal.
    server: container, address, port, superuser and password file of the database; empty before there is one.
    rows: whether rows of tables and values of sequences are looked at, too.
    sections: those to take; all if empty.
    """

    left_out: list[str]
    masked: list[list[str]]
    values: list[list[str]]
    key: str
    server: list[str]
    rows: bool
    sections: list[str]


def words(*argv: str, env: "dict[str, str] | None" = None, stdin: str = "") -> str:
    """What a command prints. Raises OSError with its own words."""
    done = subprocess.run(
        argv, input=stdin.encode(), capture_output=True, check=False, env={**os.environ, "LC_ALL": "C", **(env or {})}
    )
    if done.returncode != 0:
        raise OSError(f"{argv[:3]} ended with {done.returncode}: {done.stderr.decode(errors='replace').strip()}")
    return done.stdout.decode(errors="backslashreplace")


def counted(lines: "list[str]") -> Section:
    """Lines, each with how often it is there."""
    return {line: str(number) for line, number in Counter(lines).items()}


def public_interfaces(routes: Path = Path("/proc/net/route")) -> "list[str]":
    """Names of the interfaces that lead to the internet."""
    lines = routes.read_text().splitlines()[1:] if routes.exists() else []
    return sorted({line.split()[0] for line in lines if line.split()[1] == "00000000"})


def unread(paths: "list[Path]", since: float) -> "Iterator[tuple[str, str]]":
    """Whether files and folders with all that is in them are as they were at a time, in seconds since 1970."""
    for path in paths:
        inside = [*path.rglob("*")] if path.is_dir() else []
        youngest = max((each.stat().st_ctime for each in (path, *inside)), default=0.0)
        yield f"settings in {path}", READ if youngest <= since + 1 else UNREAD


class Content:
    """Digests of contents, and texts without what belongs to the target alone."""

    def __init__(self, settings: Settings) -> None:
        self._key = bytes.fromhex(settings["key"])
        self._masked = [
            (re.compile(fnmatch.translate(path)), re.compile(text.encode(), re.MULTILINE))
            for path, text in settings["masked"]
        ]
        names = {value: name for value, name in settings["values"] if value}
        names[os.uname().release] = "kernel"
        names |= dict.fromkeys(public_interfaces(), "public_interface")
        longest_first = sorted(names, key=len, reverse=True)
        self._names = {value.encode(): f"{{{{ {name} }}}}".encode() for value, name in names.items()}
        one = b"|".join(re.escape(value.encode()) for value in longest_first)
        self._values = re.compile(rb"(?<![\w.])(?:" + (one or rb"(?!)") + rb")(?!\w)")

    def named(self, text: str) -> str:
        """A text with names instead of the target's own values."""
        return self._replaced(text.encode(errors="surrogateescape")).decode(errors="backslashreplace")

    def digest(self, content: "str | bytes") -> str:
        """A keyed hash."""
        return self.hasher(content if isinstance(content, bytes) else content.encode()).hexdigest()

    def hasher(self, content: bytes) -> "hashlib.blake2b":
        """A keyed hash that more can be added to."""
        return hashlib.blake2b(content, digest_size=DIGEST, key=self._key)

    def is_masked(self, path: str) -> bool:
        """Whether a part of this file's content does not count."""
        return any(pattern.fullmatch(path) for pattern, _ in self._masked)

    def of_file(self, path: str, content: bytes) -> str:
        """A keyed hash of a file's content, without what is masked and with names instead of the target's values."""
        for pattern, secret in self._masked:
            if pattern.fullmatch(path):
                content = secret.sub(b"(masked)", content)
        return self.digest(self._replaced(content))

    def shown(self, value: str) -> str:
        """A value if it is short, else its hash."""
        return value if len(value) <= SHORT else self.digest(value)

    def _replaced(self, content: bytes) -> bytes:
        if not any(value in content for value in self._names):  # much quicker than the expression, and mostly so
            return content
        return self._values.sub(lambda found: self._names[found[0]], content)
