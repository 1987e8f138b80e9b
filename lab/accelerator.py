"""Whether KVM can be used: not whether /dev/kvm exists, but whether a guest really boots on it."""

import json
import os
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from lab import tools
from lab.bootstrap import requirements
from lab.box import Box
from lab.errors import LabError, UsageError
from lab.paths import cache

PROBE_SECONDS = 10.0
CPUINFO = Path("/proc/cpuinfo")
CPU_FACTS = ("vendor_id", "cpu family", "model", "stepping", "flags")
ALIVE = b"Run /init as init process"  # the guest's kernel is up and starts its first process


@dataclass(frozen=True)
class Accelerator:
    """How guests run: "kvm" or "tcg", and why."""

    name: str
    reason: str

    @property
    def arguments(self) -> list[str]:
        """QEMU's arguments for it."""
        if self.name == "kvm":
            return ["-accel", "kvm", "-cpu", "host"]
        return ["-accel", "tcg,thread=multi,tb-size=256", "-cpu", "max,la57=off"]

    @property
    def processor(self) -> str:
        """What guests see of this machine's processor, as text: what was stored on another does not run on it."""
        if self.name != "kvm":
            return ""
        first = CPUINFO.read_text().split("\n\n", maxsplit=1)[0].splitlines()
        return "\n".join(line for line in first if line.startswith(CPU_FACTS))


def qemu_version() -> requirements.Version:
    """Major and minor version. Raises LabError if QEMU is missing or too old to run guests correctly."""
    path = tools.find(requirements.QEMU)
    version = requirements.qemu_version(requirements.QEMU)
    if version is None:
        raise LabError(
            f"{path} does not report its version.", f"apt install --reinstall {requirements.QEMU_PACKAGES[0]}"
        )
    requirements.require_recent_qemu()
    return version


def choose(box: Box) -> Accelerator:
    """KVM where a guest boots on it, else TCG. The answer is kept until the machine, QEMU or the kernel changes."""
    forced = os.environ.get("MAIL_LAB_ACCEL")
    if forced in ("kvm", "tcg"):
        return Accelerator(forced, "set by MAIL_LAB_ACCEL")
    if forced:
        raise UsageError(f"MAIL_LAB_ACCEL is {forced!r}.", "Set it to kvm or tcg, or not at all")
    if not os.access("/dev/kvm", os.R_OK | os.W_OK):
        there = Path("/dev/kvm").exists()
        return Accelerator("tcg", "/dev/kvm may not be used by this user" if there else "there is no /dev/kvm")
    question = [Path("/proc/sys/kernel/random/boot_id").read_text().strip(), list(qemu_version()), box.key]
    memory = cache() / "accelerator.json"
    try:
        known = json.loads(memory.read_text())
        if known["question"] == question:
            return Accelerator(known["name"], known["reason"])
    except (OSError, ValueError, TypeError, KeyError):
        memory.unlink(missing_ok=True)
    boots = probe(box)
    answer = (
        Accelerator("kvm", "a guest booted on it")
        if boots
        else Accelerator("tcg", f"/dev/kvm is there, but a guest did not boot on it within {PROBE_SECONDS:.0f} s")
    )
    memory.write_text(json.dumps({"question": question, "name": answer.name, "reason": answer.reason}))
    return answer


def probe(box: Box) -> bool:
    """Boot the box's kernel under KVM for at most PROBE_SECONDS; True when it reached its first process."""
    with tempfile.TemporaryDirectory() as folder:
        serial = Path(folder) / "serial.log"
        guest = subprocess.Popen(
            tools.with_parent_death_signal(
                [
                    *(requirements.QEMU, "-accel", "kvm", "-cpu", "host", "-m", "256"),
                    *("-nodefaults", "-display", "none", "-no-reboot"),
                    *("-kernel", box.kernel, "-initrd", box.initrd, "-append", "console=ttyS0 panic=-1"),
                    *("-serial", f"file:{serial}"),
                ]
            ),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            deadline = time.monotonic() + PROBE_SECONDS
            while time.monotonic() < deadline:
                if serial.exists() and ALIVE in serial.read_bytes():
                    return True
                if guest.poll() is not None:
                    return False
                time.sleep(0.1)
            return False
        finally:
            guest.kill()
            guest.wait()
