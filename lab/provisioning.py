"""Applying a playbook to a target: Ansible as a process, its words in a log, its end told in one sentence."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from lab import tools
from lab.errors import LabError
from lab.paths import INVENTORY, PROVISION, ROOT

SECONDS_TO_END = 10.0


class Failed(LabError):
    """A playbook ended with an error; the VMs are as it left them."""


STRATEGY = "mitogen_linear"  # halves the time of a task on a slow host; what a task does stays the same


@dataclass(frozen=True)
class Play:
    """How a playbook ended: Ansible's counts, and all that it printed."""

    exit_status: int
    ok: int
    changed: int
    failed: int
    stdout: str


def environment() -> dict[str, str]:
    """Environment in which Ansible finds our settings and nobody else's."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")}
    return {
        **kept,
        "ANSIBLE_CONFIG": str(PROVISION / "ansible.cfg"),
        "ANSIBLE_STRATEGY": STRATEGY,
        "PYTHONUNBUFFERED": "1",
    }


def apply(playbook: Path, target: str, log: Path, extra: Mapping[str, str] | None = None) -> Play:
    """Run a playbook against a target; `log` receives its output as it comes.

    Raises:
        LabError: ansible-playbook is not installed.
    """
    program = Path(sys.executable).parent / "ansible-playbook"
    if not program.exists():
        raise LabError(f"{program} is missing.", "make accept installs it")
    # Relative paths: Ansible takes an inventory with a comma in its path for a list of hosts.
    inventory = (INVENTORY / f"{target}.yml").relative_to(ROOT)
    command = tools.bound([program, "-i", inventory, playbook.relative_to(ROOT)])
    if extra:
        command += ["--extra-vars", json.dumps(dict(extra))]
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("w") as sink:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=environment(),
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            status = process.wait()
        except BaseException:
            _end(process)
            raise
    said = log.read_text(errors="replace")
    counts = recap(said)
    return Play(status, counts.get("ok", 0), counts.get("changed", 0), counts.get("failed", 0), said)


def _end(process: subprocess.Popen[bytes]) -> None:
    """End Ansible, which ends its workers when a person interrupts it; whoever does not obey is killed."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with suppress(subprocess.TimeoutExpired):
            process.wait(SECONDS_TO_END)
            break
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def recap(said: str) -> dict[str, int]:
    """Counts of the PLAY RECAP line of the host `mail`; empty where there is none."""
    for line in reversed(said.splitlines()):
        name, colon, counts = line.partition(":")
        if colon and name.strip() == "mail" and "changed=" in counts:
            pairs = (item.split("=") for item in counts.split())
            return {key: int(value) for key, value in pairs}
    return {}
