"""Missing Debian packages: listed first, confirmed if a person can answer, then installed as root."""

import os
import platform
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from lab.bootstrap import apt_sources, requirements, stage
from lab.errors import LabError
from lab.paths import ROOT

_BACKPORTS_FILE = apt_sources.SOURCES / "sources.list.d/mail-lab-backports.sources"
_APT = ("env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-q", "-y", "-o", "DPkg::Lock::Timeout=300")


@dataclass(frozen=True)
class Step:
    """One command that needs root."""

    title: str
    command: tuple[str, ...]
    expected: float
    stdin: str = ""

    def as_shell(self) -> str:
        """The same for a person who types it as root."""
        typed = shlex.join(self.command)
        return f"{typed} <<'END'\n{self.stdin}END" if self.stdin else typed


def packages(missing: Sequence[requirements.Need]) -> None:
    """Install what is missing, or raise LabError with the commands that would."""
    if not missing:
        return
    if shutil.which("apt-get") is None:
        lacking = ", ".join(need.package for need in missing)
        raise LabError(
            f"This machine has no apt-get, and lacks what these Debian packages hold: {lacking}.",
            "Install their equals and run make again.",
        )
    suite = _backports_suite(missing)
    fetch = _fetching(suite)
    install = _installing(missing, suite)
    _name(missing, suite)
    rights = _as_root((*fetch, *install))
    for step in fetch:
        _perform(rights, step)
    _require_recent_qemu(missing)
    for step in install:
        _perform(rights, step)


def _perform(rights: Sequence[str], step: Step) -> None:
    stage.run(step.title, (*rights, *step.command), step.expected, step.stdin)


def _codename() -> str:
    return platform.freedesktop_os_release().get("VERSION_CODENAME", "")


def _lacks_qemu(missing: Iterable[requirements.Need]) -> bool:
    return any(need.package in requirements.QEMU_PACKAGES for need in missing)


def _backports_suite(missing: Iterable[requirements.Need]) -> str | None:
    """Debian 12's own QEMU is too old, so it comes from backports there."""
    return "bookworm-backports" if _codename() == "bookworm" and _lacks_qemu(missing) else None


def _fetching(suite: str | None) -> tuple[Step, ...]:
    """Give apt the package lists, with a source for backports if there is none."""
    steps: list[Step] = []
    if subprocess.run(["dpkg", "--audit"], capture_output=True, check=False).stdout:
        steps.append(Step("Finish an interrupted installation", ("dpkg", "--configure", "-a"), 10))
    sources = apt_sources.read()
    if suite and not apt_sources.offers(sources, suite):
        text = apt_sources.backports(sources, "bookworm")
        if text is None:
            raise LabError(
                f"A recent QEMU is in {suite}, and apt's sources name no mirror of bookworm to find it on.",
                f"Add {suite} to /etc/apt/sources.list.d and run make again.",
            )
        steps.append(Step(f"Add {suite} to apt's sources", ("tee", str(_BACKPORTS_FILE)), 1, text))
    return (*steps, Step("Fetch apt's package lists", (*_APT, "update"), 15))


def _installing(missing: Iterable[requirements.Need], suite: str | None) -> tuple[Step, ...]:
    install = (*_APT, "--no-install-recommends", "install")
    names = [need.package for need in missing]
    newer = [name for name in names if suite and name in requirements.QEMU_PACKAGES]
    usual = [name for name in names if name not in newer]
    steps = []
    if newer:
        steps.append(Step(f"Install QEMU from {suite}", (*install, "-t", str(suite), *newer), 60))
    if usual:
        steps.append(Step("Install the other packages", (*install, *usual), 45))
    return tuple(steps)


def _name(missing: Sequence[requirements.Need], suite: str | None) -> None:
    print("Debian packages that are missing here:")
    for need in missing:
        origin = f", from {suite}" if suite and need.package in requirements.QEMU_PACKAGES else ""
        print(f"  {need.package:24} {need.use}{origin}")
    if suite and not apt_sources.offers(apt_sources.read(), suite):
        print(f"{suite} is added to apt's sources, from the mirror of bookworm that is there: {_BACKPORTS_FILE}")
    sys.stdout.flush()


def _as_root(steps: Iterable[Step]) -> tuple[str, ...]:
    """Prefix of a command that needs root; asks first if a person can answer."""
    by_hand = "As root:\n" + "\n".join(step.as_shell() for step in steps) + "\nThen run make again."
    person = sys.stdin.isatty() and os.environ.get("CI") != "true"
    if os.geteuid() != 0 and shutil.which("sudo") is None:
        raise LabError("Installing them needs root, and there is no sudo here.", by_hand)
    if person and not _agrees():
        raise LabError("Nothing was installed.", by_hand)
    if os.geteuid() == 0:
        return ()
    rights = ("sudo",) if person else ("sudo", "-n")
    if subprocess.run([*rights, "true"], check=False).returncode != 0:
        raise LabError("sudo did not let us become root.", by_hand)
    return rights


def _agrees() -> bool:
    try:
        return input("Install them as root now? [Y/n] ").strip().lower() in ("", "y", "yes")
    except EOFError:
        return False


def _require_recent_qemu(missing: Iterable[requirements.Need]) -> None:
    """Raise LabError if apt, after fetching its lists, offers no recent QEMU."""
    if not _lacks_qemu(missing):
        return
    listed = subprocess.run(
        ["apt-cache", "madison", requirements.QEMU_PACKAGES[0]], capture_output=True, text=True, check=False
    ).stdout
    offered = [requirements.version_in(line.split("|")[1]) for line in listed.splitlines() if line.count("|") > 1]
    newest = max((version for version in offered if version), default=(0, 0))
    if newest < requirements.OLDEST_QEMU:
        said = f"nothing newer than {requirements.written(newest)}" if any(newest) else "none at all"
        raise LabError(
            f"The lab needs QEMU {requirements.written(requirements.OLDEST_QEMU)} or newer; apt offers {said} here.",
            "Use Debian 12 or Ubuntu 24.04 or newer, or put such a QEMU first on PATH; then run make again.",
        )


def verify(tests: bool = False, vagrant: bool = False) -> None:
    """Raise LabError if something is still missing after the installation."""
    requirements.require_recent_qemu()
    left = requirements.missing(tests, vagrant)
    if left:
        raise LabError(
            "Still missing after the installation: " + ", ".join(need.package for need in left) + ".",
            f"Look into {stage.LOG.relative_to(ROOT)}, and whether PATH leads to the installed programs.",
        )
