"""Playbooks that a scenario runs against its own lab."""

import json
import re
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from lab import provisioning
from proof import process
from proof.evidence import Recorder
from proof.target import HOST, Target, inventory

TASK = re.compile(r"^(?:TASK|RUNNING HANDLER) \[(?P<name>.*?)\] \**$")
CHANGED = re.compile(rf"^changed: \[{HOST}\]")


@dataclass(frozen=True)
class PlayResult:
    """How a playbook ended: counts of its recap, and the names of the tasks that changed something."""

    exit_status: int
    ok: int
    changed: int
    failed: int
    changed_tasks: tuple[str, ...]
    stdout: str


def parse(stdout: str, exit_status: int) -> PlayResult:
    """The result that ansible-playbook's default output tells."""
    counts = provisioning.recap(stdout)
    name, changed = "", []
    for line in stdout.splitlines():
        if task := TASK.match(line):
            name = task["name"]
        elif CHANGED.match(line) and name not in changed:
            changed.append(name)
    return PlayResult(
        exit_status=exit_status,
        ok=counts.get("ok", 0),
        changed=counts.get("changed", 0),
        failed=counts.get("failed", 0) + counts.get("unreachable", 0),
        changed_tasks=tuple(changed),
        stdout=stdout,
    )


def run(
    target: Target,
    playbook: str,
    recorder: Recorder,
    root: Path,
    extra: Mapping[str, object] | None = None,
    *,
    timeout: float = 900.0,
) -> PlayResult:
    """Run a playbook of provision/ against a target.

    Args:
        target: the host to run against.
        playbook: its name, such as task_1.2.3.yml.
        recorder: where the evidence goes.
        root: the project's root.
        extra: variables that override the inventory's; they never show in the process list.
        timeout: seconds for all of it.
    """
    beside = Path(sys.executable).with_name("ansible-playbook")
    program = str(beside) if beside.exists() else "ansible-playbook"
    with tempfile.NamedTemporaryFile("w", suffix=".json", prefix="extra-") as variables:
        json.dump(dict(extra or {}), variables)
        variables.flush()
        done = process.run(
            [
                program,
                *("-i", str(inventory(target.name, root).relative_to(root))),
                *("--extra-vars", f"@{variables.name}"),
                str(Path("provision") / playbook),
            ],
            timeout=timeout,
            cwd=root,
            env={**provisioning.environment(), "ANSIBLE_NOCOLOR": "1", "LC_ALL": "C.UTF-8"},
        )
    recorder.command(
        "runner",
        f"ansible-playbook -i provision/inventory/{target.name}.yml provision/{playbook}",
        exit_status=done.exit_status,
        stdout=done.stdout,
        stderr=done.stderr,
        seconds=done.seconds,
    )
    return parse(done.stdout, done.exit_status)
