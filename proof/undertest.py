"""Which provisioning scenarios try: the checkout's own, or a copy that a sabotage has changed."""

import os
from pathlib import Path

from lab.paths import PROVISION

VARIABLE = "PROVISION_UNDER_TEST"


def provision() -> Path:
    """The folder to take playbooks and scripts from."""
    return Path(os.environ.get(VARIABLE, PROVISION))
