"""Terraform and the provider as this machine has them: where they are, why not, and a copy of terraform/ to try.

The provider comes from wherever Terraform finds it: the registry, or a mirror of the machine's own.
"""

import functools
import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from lab.paths import BUILD, INSTALLATION, PROVISION, TERRAFORM
from proof import process
from proof.process import Finished

INIT_SECONDS = 120.0
QUIET: Mapping[str, str] = {"CHECKPOINT_DISABLE": "1", "TF_IN_AUTOMATION": "1"}  # CHECKPOINT: a look for updates
_COPY = BUILD / "terraform"


@functools.cache
def why_not() -> str:
    """Why terraform/ cannot be tried on this machine; empty where Terraform and the provider are there."""
    if shutil.which("terraform") is None:
        return "Terraform is not installed"
    done = _prepare()
    if done.exit_status == 0:
        return ""
    told = " ".join(line.strip(" │╷╵") for line in done.stderr.splitlines())
    return f"Terraform finds no provider vultr/vultr: {' '.join(told.split())[:300]}"


def folder() -> Path:
    """A copy of terraform/, initialised by `why_not`, with as much of the inventory as it reads."""
    return _COPY / TERRAFORM.name


def providers() -> Path:
    """Where the provider is, as `terraform init -plugin-dir` takes it."""
    return folder() / ".terraform" / "providers"


def lay_out(target: Path, terraform: Path, provision: Path) -> None:
    """Copy both folders beside each other into a folder, without anything that belongs to one installation."""
    for source in (terraform, provision):
        shutil.copytree(source, target / source.name, ignore=shutil.ignore_patterns(*INSTALLATION))


def _prepare() -> Finished:
    shutil.rmtree(_COPY, ignore_errors=True)
    lay_out(_COPY, TERRAFORM, PROVISION)
    return process.run(
        ["terraform", "init", "-backend=false", "-input=false", "-no-color"],
        timeout=INIT_SECONDS,
        cwd=folder(),
        env={**os.environ, **QUIET},
    )
