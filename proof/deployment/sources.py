"""The operator's own files (provision/, terraform/): those of the checkout, or a copy that a sabotage has changed."""

import os
from pathlib import Path

from lab.paths import PROVISION, ROOT, TERRAFORM

VARIABLE = "FOLDER_UNDER_TEST"
COPIED = (PROVISION.name, TERRAFORM.name, "steps/playbooks")


def provision() -> Path:
    """The folder to take playbooks and scripts from."""
    return _folder() / PROVISION.name


def terraform() -> Path:
    """The folder to take the server's description and its script from."""
    return _folder() / TERRAFORM.name


def copy() -> Path | None:
    """The copy that a sabotage has changed; None outside a sabotage."""
    return Path(os.environ[VARIABLE]) if VARIABLE in os.environ else None


def _folder() -> Path:
    return copy() or ROOT
