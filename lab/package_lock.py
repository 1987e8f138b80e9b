"""The lock of a box: the versions of all packages that an earlier build had, to be used again.

A lock is the `box.json` of a box. A checkout that holds one under the name `box.lock.json` is bound to it.
"""

import json
from collections.abc import Mapping
from pathlib import Path

from lab.errors import LabError, UsageError
from lab.paths import ROOT

OF_CHECKOUT = ROOT / "box.lock.json"
# Besides the nodes: the package archive of the mail image, and the packages of its container image.
ARCHIVE, CONTAINER = "archive", "postgres"

Versions = Mapping[str, Mapping[str, str]]  # node, ARCHIVE or CONTAINER -> package -> version


def given(lock: Path | None) -> Path | None:
    """The lock that counts: the one that is named, else the checkout's, else None."""
    return lock or (OF_CHECKOUT if OF_CHECKOUT.is_file() else None)


def read(lock: Path) -> bytes:
    """Its content. Raises UsageError if it cannot be read."""
    try:
        return lock.read_bytes()
    except OSError as error:
        raise UsageError(f"The lock {lock} cannot be read: {error.strerror}.") from error


def versions(lock: Path) -> Versions:
    """Versions in the lock: node -> package -> version. Raises UsageError if it is no lock."""
    try:
        found: Versions = json.loads(read(lock))["packages"]
    except (ValueError, KeyError, TypeError) as error:
        raise UsageError(f"{lock} is no lock.", "Use the box.json of a box as one") from error
    return found


def preferences(lock: Path, node: str) -> str:
    """The same as apt's preferences for one image."""
    bound = versions(lock)
    own = bound.get(node, {})
    names = {**bound.get(ARCHIVE, {}), **own} if node == "mail" else own
    return "\n".join(
        f"Package: {name}\nPin: version {version}\nPin-Priority: 1001\n" for name, version in names.items()
    )


def compare(lock: Path, built: Versions) -> None:
    """Raise LabError if a build has other versions than its lock: apt takes others if the mirror lacks them."""
    bound = versions(lock)
    wrong = [
        f"{name} {version} instead of {bound[part][name]}"
        for part, names in built.items()
        for name, version in names.items()
        if bound.get(part, {}).get(name, version) != version
    ]
    if wrong:
        raise LabError(
            f"The package mirror lacks {len(wrong)} versions of {lock}: {', '.join(wrong[:5])}.",
            "Point apt to a mirror that keeps them (a snapshot), or build without the lock.",
        )
