"""Keys in a list of authorized keys, identified by type and content, not by their comment."""

import base64
import hashlib
import re
from dataclasses import dataclass

_KEY = re.compile(r"(?:^|\s)((?:sk-)?(?:ssh|ecdsa)-[\w@.-]+)\s+(AAAA[A-Za-z0-9+/=]+)\s*(.*)$")


@dataclass(frozen=True)
class Key:
    """A public key; `comment` is for the reader and does not make it another key."""

    kind: str
    fingerprint: str
    comment: str

    def __str__(self) -> str:
        return f"{self.kind} {self.fingerprint} ({self.comment or 'no comment'})"


def parse(text: str) -> tuple[Key, ...]:
    """Every key in the text of an authorized_keys file or of a public key's file, options left aside."""
    found = (_KEY.search(line) for line in text.splitlines() if not line.lstrip().startswith("#"))
    return tuple(Key(match[1], _fingerprint(match[2]), match[3].strip()) for match in found if match)


def _fingerprint(blob: str) -> str:
    digest = hashlib.sha256(base64.b64decode(blob)).digest()
    return "SHA256:" + base64.b64encode(digest).decode().rstrip("=")
