"""Terraform and the provider as this machine has them: where they are, why not, and a copy of terraform/ to try.

The provider comes from wherever Terraform finds it: the registry, or a mirror of the machine's own.
"""

import atexit
import functools
import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from lab.paths import INSTALLATION, PROVISION, TERRAFORM
from proof import process
from proof.process import Finished

INIT_SECONDS = 120.0
SHOWN = 200  # characters of what Terraform says; the rest are its addresses
QUIET: Mapping[str, str] = {"CHECKPOINT_DISABLE": "1", "TF_IN_AUTOMATION": "1"}  # CHECKPOINT: a look for updates


@functools.cache
def why_not() -> str:
    """Why terraform/ cannot be tried on this machine; empty if Terraform and the provider are there."""
    if shutil.which("terraform") is None:
        return "Terraform is not installed"
    done = _prepare()
    if done.exit_status == 0:
        return ""
    told = " ".join(" ".join(line.strip(" │╷╵") for line in done.stderr.splitlines()).split())
    return f"Terraform finds no provider vultr/vultr: {told[told.find('Error:') :][:SHOWN]}"


@functools.cache
def _scratch() -> Path:
    """A folder of this process alone, gone with it: another run of the same checkout may be at work."""
    made = Path(tempfile.mkdtemp(prefix="terraform-"))
    atexit.register(shutil.rmtree, made, ignore_errors=True)
    return made


def folder() -> Path:
    """A copy of terraform/, initialised by `why_not`, beside the inventory that it reads."""
    return _scratch() / TERRAFORM.name


def providers() -> Path:
    """Where the provider is, as `terraform init -plugin-dir` takes it."""
    return folder() / ".terraform" / "providers"


def lay_out(target: Path, *sources: Path) -> None:
    """Copy folders beside each other into a folder, without anything that belongs to one installation."""
    for source in sources:
        shutil.copytree(source, target / source.name, ignore=shutil.ignore_patterns(*INSTALLATION))


def _prepare() -> Finished:
    lay_out(_scratch(), TERRAFORM, PROVISION)
    return process.run(
        ["terraform", "init", "-backend=false", "-input=false", "-no-color"],
        timeout=INIT_SECONDS,
        cwd=folder(),
        env={**os.environ, **QUIET},
    )
