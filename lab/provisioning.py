"""Applies a playbook to a target: Ansible as a process, its output in a log, its result in one sentence.

Ansible uses Mitogen's strategy, which halves the time of a task on a slow host. Ansible announced to remove third-party
strategies, so everything works without it as well: MAIL_LAB_ANSIBLE_STRATEGY=linear.
"""

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from lab import tools
from lab.errors import LabError
from lab.paths import INVENTORY, PROVISION, ROOT

SECONDS_TO_END = 10.0
LAST_LINES = 25
_TASK = re.compile(r"^(?:TASK|RUNNING HANDLER) \[(?P<name>.*?)\] \**$")
_CHANGED = re.compile(r"^changed: \[mail\]")
_RECAP = re.compile(r"^mail\s*:(?P<counts>(?:\s+\w+=\d+)+)\s*$")
TIMED_OUT = 124  # as in timeout(1)
STRATEGY_VARIABLE = "MAIL_LAB_ANSIBLE_STRATEGY"  # "linear": Ansible without Mitogen
DEFAULT_STRATEGY = "mitogen_linear"  # halves the time of a task on a slow host; each task does the same


class Failed(LabError):
    """A playbook ended with an error; the VMs are as it left them."""


@dataclass(frozen=True)
class Play:
    """How a playbook ended: Ansible's counts, the names of the tasks that changed something, and all it printed."""

    exit_status: int
    ok: int
    changed: int
    failed: int
    changed_tasks: tuple[str, ...]
    stdout: str


def environment(provision: Path = PROVISION) -> dict[str, str]:
    """Environment in which Ansible finds the settings of this folder and no others."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")}
    return {
        **kept,
        "ANSIBLE_CONFIG": str(provision / "ansible.cfg"),
        "ANSIBLE_NOCOLOR": "1",
        "ANSIBLE_STRATEGY": os.environ.get(STRATEGY_VARIABLE, DEFAULT_STRATEGY),
        "LC_ALL": "C.UTF-8",
        "PYTHONUNBUFFERED": "1",
    }


def apply(
    playbooks: Sequence[Path],
    target: str,
    log: Path,
    variables: Mapping[str, object] | None = None,
    timeout: float | None = None,
    folder: Path | None = None,
    provision: Path = PROVISION,
    first_password: str = "",
) -> Play:
    """Run playbooks against a target, one after the other; `log` receives the output as it comes.

    Args:
        playbooks: files below the project's root; the first that fails is the last that runs.
        target: name of an inventory.
        log: file for everything that Ansible prints; its folder is made.
        variables: override the inventory's; they never show in the process list.
        timeout: seconds after which Ansible is ended, and the play's exit status is 124; forever if None.
        folder: laid out like the project, with its own inventory; the project itself if None.
        provision: a copy of provision/ whose settings, roles and modules are used.
        first_password: Ansible asks for that of a fresh server, and gets it from its standard input.

    Raises:
        LabError: ansible-playbook is not installed, or there is no such playbook.
    """
    program = Path(sys.executable).parent / "ansible-playbook"
    if not program.exists():
        raise LabError(f"{program} is missing.", "make accept installs it")
    for playbook in playbooks:
        if not playbook.is_file():
            raise LabError(f"There is no playbook {playbook}.")
    # Relative paths: Ansible takes an inventory with a comma in its path for a list of hosts.
    inventory = (INVENTORY / f"{target}.yml").relative_to(ROOT)
    command = tools.with_parent_death_signal(
        [program, "-i", inventory, *(playbook.relative_to(ROOT) for playbook in playbooks)]
    )
    asks = ["--ask-pass", "--ask-become-pass"] if first_password else []
    log.parent.mkdir(parents=True, exist_ok=True)
    with _file(variables) as extra, log.open("w") as sink, _lines([first_password] * len(asks)) as answers:
        process = subprocess.Popen(
            [*command, *asks, *extra],
            cwd=folder or ROOT,
            env=environment(provision),
            stdin=answers,
            stdout=sink,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            status = process.wait(timeout)
        except subprocess.TimeoutExpired:
            _end(process)
            status = TIMED_OUT
            print(f"\nAnsible was not done after {timeout:.0f} s.", file=sink)
        except BaseException:
            _end(process)
            raise
    return parse(log.read_text(errors="replace"), status)


@contextmanager
def _file(variables: Mapping[str, object] | None) -> Iterator[list[str]]:
    """Arguments that hand variables over in a file of ours, which is gone afterwards."""
    if not variables:
        yield []
        return
    with tempfile.NamedTemporaryFile("w", suffix=".json", prefix="variables-") as file:
        json.dump(dict(variables), file)
        file.flush()
        yield ["--extra-vars", f"@{file.name}"]


@contextmanager
def _lines(lines: Sequence[str]) -> Iterator[IO[bytes]]:
    """A file without a name, whose lines a process reads as its standard input."""
    with tempfile.TemporaryFile() as file:
        file.write("".join(f"{line}\n" for line in lines).encode())
        file.seek(0)
        yield file


def _end(process: subprocess.Popen[bytes]) -> None:
    """End Ansible as an interrupt by a person does, which ends its workers too; then kill what remains."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with suppress(subprocess.TimeoutExpired):
            process.wait(SECONDS_TO_END)
            break
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def require_success(play: Play, what: str, log: Path) -> None:
    """Raise Failed with the last lines of Ansible's output if a play failed. `what` names it, as a clause."""
    if play.exit_status != 0:
        last = "\n".join(f"  | {line}" for line in play.stdout.strip().splitlines()[-LAST_LINES:])
        raise Failed(f"{what}.\n{last}", f"The whole log is {log}")


def parse(said: str, exit_status: int) -> Play:
    """The result for the host `mail` in the output of ansible-playbook; zeros if it has no recap."""
    counts: dict[str, int] = {}
    name, changed = "", []
    for line in said.splitlines():
        if task := _TASK.match(line):
            name = task["name"]
        elif _CHANGED.match(line) and name not in changed:
            changed.append(name)
        elif recap := _RECAP.match(line):
            counts = {key: int(value) for key, value in (item.split("=") for item in recap["counts"].split())}
    return Play(
        exit_status=exit_status,
        ok=counts.get("ok", 0),
        changed=counts.get("changed", 0),
        failed=counts.get("failed", 0) + counts.get("unreachable", 0),
        changed_tasks=tuple(changed),
        stdout=said,
    )
