"""Removes secrets before anything is written: known values, and patterns of secrets."""

import base64
import re
import threading
from collections.abc import Mapping
from typing import NamedTuple

MASK = "[redacted]"
SHORTEST = 6  # a shorter value would blank out ordinary words
SECRET_NAME = re.compile(r"password|passwd|secret|token|private|preshared|api_?key", re.IGNORECASE)
PATH_NAME = re.compile(r"_(file|path|dir|folder)$", re.IGNORECASE)


class Shape(NamedTuple):
    """A pattern of secrets, and its replacement."""

    pattern: re.Pattern[str]
    instead: str


SHAPES = (
    Shape(
        re.compile(r"(-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----).*?(-----END [A-Z0-9 ]*PRIVATE KEY-----|\Z)", re.DOTALL),
        rf"\1{MASK}\2",
    ),
    # WireGuard: `wg showconf`, wg0.conf, YAML and `wg show` all write the name before the key.
    Shape(
        re.compile(r"((?:private|preshared)[ _-]?key[\"']?\s*[:=]\s*[\"']?)[A-Za-z0-9+/]{42,43}={0,2}", re.IGNORECASE),
        rf"\1{MASK}",
    ),
    # crypt(3) hashes: yescrypt, SHA-crypt, bcrypt, MD5-crypt and their kin, with Dovecot's prefix or without.
    Shape(
        re.compile(r"\$(?:y|gy|7|6|5|2[abxy]|1|sha1)\$(?:[^\s:$,'\"]*\$){0,3}[./A-Za-z0-9]{20,}"),
        f"${MASK}",
    ),
    Shape(re.compile(r"SCRAM-SHA-256\$\d+:[^\s\"']+"), f"SCRAM-SHA-256${MASK}"),
    Shape(
        re.compile(
            r"(\b(?!NOPASSWD)[\w-]*(?:password|passwd|secret|api_?key)\s*[=:]\s*)([\"']?)[^\s\"',;]{6,}\2",
            re.I,
        ),
        rf"\1{MASK}",
    ),
    Shape(re.compile(r"(\w+://[^\s:/@]+:)[^\s@/]+(@)"), rf"\1{MASK}\2"),
)


class Redactor:
    """Takes secrets out of texts. Whoever reads a secret registers it; safe to use from several threads."""

    def __init__(self) -> None:
        self._values: set[str] = set()
        self._known: re.Pattern[str] | None = None
        self._lock = threading.Lock()

    def register(self, value: str) -> None:
        """Make a secret known: it, each of its lines, and its base64 form are taken out from now on."""
        variants = {value.strip(), *map(str.strip, value.splitlines())}
        variants.add(base64.b64encode(value.strip().encode()).decode())
        with self._lock:
            self._values |= {text for text in variants if len(text) >= SHORTEST and text[:5] != "-----"}
            longest_first = sorted(self._values, key=len, reverse=True)
            self._known = re.compile("|".join(map(re.escape, longest_first))) if longest_first else None

    def register_mapping(self, values: Mapping[str, object]) -> None:
        """Make the texts known whose names say that they are secret; a name ending in _file names a path."""
        for name, value in values.items():
            if isinstance(value, str) and SECRET_NAME.search(name) and not PATH_NAME.search(name):
                self.register(value)

    def __call__(self, text: str) -> str:
        """The text without secrets."""
        if self._known is not None:
            text = self._known.sub(MASK, text)
        for shape in SHAPES:
            text = shape.pattern.sub(shape.instead, text)
        return text


redactor = Redactor()  # of this process: a secret read anywhere is unknown to no recorder
