"""What the machine lacks for a lab, each finding with its cure."""

import os
import pwd
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from lab import accelerator, box, progress, ssh_access, tools
from lab.bootstrap import requirements
from lab.errors import LabError
from lab.machine import MEMORY_MIB
from lab.paths import ROOT, cache, sockets
from lab.provider import VAGRANT

NEEDED_GIB = 12  # the box, a full set of layers (5) and the running disks
LONGEST_SOCKET = 107
MEASURED = 50  # long scenarios that must have run on this machine for its own times to count
RUN_MINUTES, ROUNDS = 28, 10_000  # of a whole run without KVM, on a machine that does so many rounds in a second
PROBE_SECONDS = 2.0


@dataclass(frozen=True)
class Finding:
    """One look at the machine. `level` is "ok", "warning" (works, with a drawback) or "error" (does not work)."""

    subject: str
    level: str
    message: str
    hint: str = ""

    def as_json(self) -> dict[str, str]:
        """The finding as `lab doctor --json` prints it."""
        return {"subject": self.subject, "level": self.level, "said": self.message, "cure": self.hint}


def examine() -> list[Finding]:
    """All findings, in the order in which a person would fix them."""
    machine = [_qemu(), _unprivileged(), _memory(), _disk(), _paths(), _socket_paths()]
    return [*_tools(), *machine, _box(), _acceleration(), _time(), *_vagrant()]


def _tools() -> Iterator[Finding]:
    for program, package in tools.PACKAGES.items():
        try:
            yield Finding(program, "ok", tools.find(program))
        except LabError:
            yield Finding(program, "error", "not installed", f"apt install {package}")


def _qemu() -> Finding:
    try:
        major, minor = accelerator.qemu_version()
    except LabError as error:
        return Finding("QEMU's version", "error", error.what, error.hint)
    return Finding("QEMU's version", "ok", f"{major}.{minor}")


def _unprivileged() -> Finding:
    subject = "building as an ordinary user"
    if os.geteuid() == 0:
        return Finding(subject, "ok", "not needed: this is root")
    try:
        user = pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        user = str(os.geteuid())
    ranges = Path("/etc/subuid").read_text() if Path("/etc/subuid").exists() else ""
    if not any(line.startswith((f"{user}:", f"{os.geteuid()}:")) for line in ranges.splitlines()):
        return Finding(
            subject,
            "error",
            "no subordinate user ids",
            f"usermod --add-subuids 100000-165535 --add-subgids 100000-165535 {user}",
        )
    return Finding(subject, "ok", "subordinate user ids are there")


def _memory() -> Finding:
    available = tools.memory_available_mib()
    needed = sum(MEMORY_MIB.values())
    if available < needed:
        return Finding(
            "memory",
            "warning",
            f"{available} MiB available, both VMs may grow to {needed}",
            "End other programs",
        )
    return Finding("memory", "ok", f"{available} MiB available")


def _disk() -> Finding:
    folder = cache()
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free >> 30
    if free < NEEDED_GIB:
        return Finding(
            "disk",
            "warning",
            f"{free} GiB free at {folder}, all layers need {NEEDED_GIB}",
            "Free room, or set MAIL_LAB_CACHE",
        )
    return Finding("disk", "ok", f"{free} GiB free at {folder}")


def _time() -> Finding:
    """How long a whole run will take: by the scenarios that ran here, else by a short probe of one processor."""
    subject = "a whole run"
    known = [seconds for name, seconds in progress.all_measured().items() if name.startswith("scenario ")]
    if len(known) >= MEASURED:
        return Finding(subject, "ok", f"about {sum(known) / 60:.0f} min, by the last ones on this machine")
    rounds, ends = 0, time.process_time() + PROBE_SECONDS
    while time.process_time() < ends:
        sum(range(ROUNDS))
        rounds += 1
    minutes = RUN_MINUTES * ROUNDS * PROBE_SECONDS / rounds
    return Finding(
        subject, "ok", f"about {minutes:.0f} min without KVM, by a probe of one processor; with KVM none was measured"
    )


def _vagrant() -> Iterator[Finding]:
    """Nothing if Vagrant is not installed: few need it."""
    if shutil.which(VAGRANT) is None:
        return
    if lacking := [need.package for need in requirements.FOR_VAGRANT if not need.met()]:
        hint = f"apt install {' '.join(lacking)}, for --provider={VAGRANT}"
        yield Finding(VAGRANT, "warning", f"cannot make a lab: {', '.join(lacking)} not installed", hint)
    else:
        yield Finding(VAGRANT, "ok", f"usable with --provider={VAGRANT}")


def _socket_paths() -> Finding:
    longest = len(str(sockets() / "mail.agent"))
    if longest > LONGEST_SOCKET:
        return Finding(
            "socket paths",
            "error",
            f"{longest} characters, at most {LONGEST_SOCKET}",
            "Set XDG_RUNTIME_DIR to a short path",
        )
    return Finding("socket paths", "ok", str(sockets()))


def _paths() -> Finding:
    subject = "paths"
    try:
        ssh_access.require_plain_paths()
    except LabError as error:
        return Finding(subject, "error", error.what, error.hint)
    return Finding(subject, "ok", str(ROOT))


def _box() -> Finding:
    try:
        found = box.find()
    except LabError as error:
        return Finding("box", "error", error.what, error.hint)
    if found is None:
        return Finding("box", "warning", "not built yet", "lab box (lab up also builds it)")
    return Finding("box", "ok", str(found.folder))


def _acceleration() -> Finding:
    subject = "acceleration"
    try:
        built = box.find()
        if built is None:
            there = os.access("/dev/kvm", os.R_OK | os.W_OK)
            return Finding(subject, "warning", "KVM is probed when the box is built" if there else "no usable /dev/kvm")
        chosen = accelerator.choose(built)
    except LabError as error:
        return Finding(subject, "error", error.what, error.hint)
    if chosen.name == "kvm":
        return Finding(subject, "ok", f"kvm: {chosen.reason}")
    return Finding(
        subject,
        "warning",
        f"tcg (slow, but the same results): {chosen.reason}",
        f"Run on a machine with KVM; this checkout is {ROOT}"
        if Path("/dev/kvm").exists()
        else "Enable virtualisation in the firmware",
    )
