"""Every static check of the tree, one after the other, also if an early one finds something."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from lab.errors import LabError
from lab.paths import PROVISION, ROOT
from lab.progress import step
from proof.deployment import terraform

_BIN = Path(sys.executable).parent
_SHELL = (b"#!/bin/sh", b"#!/bin/bash", b"#!/usr/bin/env bash", b"#!/usr/bin/env sh")


@dataclass(frozen=True)
class Check:
    """A linter's command: `expected` is its usual time in seconds, without a cache; `skipped` why it cannot run."""

    name: str
    command: tuple[str, ...]
    expected: float = 2.0
    skipped: str = ""


def tracked() -> Iterator[Path]:
    """Files of the tree that git knows or would add."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, check=True).stdout
    for name in listed.split(b"\0"):
        path = ROOT / os.fsdecode(name)
        if name and path.is_file():
            yield path


def is_shell(path: Path) -> bool:
    """Whether a file is a shell script, by its name or its first line; templates are not."""
    if path.suffix == ".j2":
        return False
    with path.open("rb") as file:
        return path.suffix == ".sh" or file.readline().rstrip().startswith(_SHELL)


def checks() -> tuple[Check, ...]:
    """The checks in the order of how fast they answer."""
    no_terraform = terraform.why_not()
    scripts = sorted(str(path.relative_to(ROOT)) for path in tracked() if is_shell(path))
    return (
        Check("ruff format", (str(_BIN / "ruff"), "format", "--check", "--diff", ".")),
        Check("ruff check", (str(_BIN / "ruff"), "check", ".")),
        Check("shellcheck", ("shellcheck", *scripts)),
        Check("feature files", (sys.executable, "-m", "proof.gherkin.lint")),
        Check("GitHub's workflow", _schema("github-workflows", ".github/workflows/prove.yml")),
        Check("GitLab's pipeline", _schema("gitlab-ci", ".gitlab-ci.yml", "--data-transform", "gitlab-ci")),
        Check("Vagrantfile", ("ruby", "-c", "Vagrantfile"), skipped=_no_ruby()),
        Check("yamllint", (str(_BIN / "yamllint"), "--strict", ".")),
        Check(
            "terraform fmt", ("terraform", "fmt", "-check", "-diff", "-recursive", "terraform"), skipped=no_terraform
        ),
        Check("terraform validate", ("terraform", f"-chdir={terraform.folder()}", "validate"), skipped=no_terraform),
        Check("mypy", (str(_BIN / "mypy"),), 40),
        Check("mypy terraform", (str(_BIN / "mypy"), "terraform/review.py", "terraform/known_rules.py")),
        Check("ansible-lint", (str(_BIN / "ansible-lint"), "--offline", "--nocolor"), 60),
    )


def _schema(name: str, file: str, *options: str) -> tuple[str, ...]:
    """Compare a file with the schema of its kind that check-jsonschema brings."""
    return (str(_BIN / "check-jsonschema"), "--builtin-schema", f"vendor.{name}", *options, file)


def _no_ruby() -> str:
    return "" if shutil.which("ruby") else "there is no ruby; make prepare-vagrant brings it"


def run(check: Check) -> bool:
    """Run one check; its output appears only if it finds something. One that is skipped finds nothing."""
    if check.skipped:
        print(f"{check.name:18} skipped: {check.skipped}", flush=True)
        return True
    environment = {
        **os.environ,
        **terraform.QUIET,
        "PATH": f"{_BIN}:{os.environ.get('PATH', os.defpath)}",
        "ANSIBLE_CONFIG": str(PROVISION / "ansible.cfg"),
    }
    with step(check.name, expected=check.expected):
        try:
            done = subprocess.run(check.command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
        except FileNotFoundError:
            raise LabError(f"{check.command[0]} is not installed.", "Run make prepare.") from None
    clean = done.returncode == 0
    print(f"{check.name:18} {'clean' if clean else f'exit status {done.returncode}'}", flush=True)
    if not clean:
        print(f"{done.stdout}{done.stderr}", flush=True)
    return clean


def main() -> int:
    """Exit status 0 when all checks are clean, 1 when one found something."""
    try:
        found = [check for check in checks() if not run(check)]
    except LabError as error:
        print(error, file=sys.stderr)
        return error.exit_status
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
