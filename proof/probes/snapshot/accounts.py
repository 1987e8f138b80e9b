"""Accounts and groups: numbers, shells, passwords, ageing, members, and the keys that let in."""

import hashlib
from pathlib import Path

from proof.probes.snapshot.common import Content, Section, words

SHADOW = ("last change", "minimum", "maximum", "warning", "inactive", "expires")
KEY_FILES = "authorized_keys*"


def password(field: str) -> str:
    """What kind of password a field of /etc/shadow holds."""
    if not field:
        return "no password needed"
    if field.startswith(("!", "*")):
        return "locked" if field.strip("!*") == "" else "locked, with a hash behind it"
    return f"password hashed by {field.split('$')[1] if field.count('$') > 1 else 'DES'}"


def ageing(fields: "list[str]") -> str:
    """Limits of a password; its day of change only if that is the epoch, which forces a new one."""
    told = dict(zip(SHADOW, fields, strict=False))
    forced = told.pop("last change", "") == "0"
    limits = [f"{name} {value}" for name, value in told.items() if value]
    return ", ".join([*(["must be changed at the next login"] if forced else []), *limits])


def elsewhere(field: str) -> str:
    """What is wrong with a password that is not in the shadow file, where it belongs."""
    return "" if field == "x" else f"; {password(field)}, outside the shadow file"


def take(content: Content) -> Section:
    """The accounts."""
    found: Section = {}
    for line in Path("/etc/shadow").read_text().splitlines():
        name, field, *rest = line.split(":")
        found[f"password of {name}"] = f"{password(field)}; {ageing(rest)}"
    for line in words("getent", "passwd").splitlines():
        name, field, uid, gid, comment, home, shell = line.split(":")
        told = f"UID {uid}, GID {gid}, {comment}, {home}, {shell}{elsewhere(field)}"
        found[f"account {name}"] = "; and again: ".join(filter(None, [found.get(f"account {name}"), told]))
        found |= keys(name, Path("/", home), content)
    for line in words("getent", "group").splitlines():
        name, field, gid, members = line.split(":")
        found[f"group {name}"] = f"GID {gid}: {' '.join(sorted(filter(None, members.split(','))))}{elsewhere(field)}"
    for line in Path("/etc/gshadow").read_text().splitlines():
        name, field, administrators, _ = line.split(":")
        if field.strip("!*") or administrators:
            found[f"password of group {name}"] = f"{password(field)}, administrators: {administrators}"
    return found


def keys(account: str, home: Path, content: Content) -> Section:
    """The keys in an account's own files, each by its fingerprint."""
    found: Section = {}
    for path in sorted((home / ".ssh").glob(KEY_FILES)) if home != Path("/") else []:
        for line in path.read_text(errors="replace").splitlines():
            if line.strip() and not line.lstrip().startswith("#"):
                told = content.named(line.strip())
                found[f"key of {account} in {path}: {hashlib.sha256(told.encode()).hexdigest()[:16]}"] = "admitted"
    return found
