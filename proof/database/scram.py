"""SCRAM verifiers of passwords, made by the host's own script, so that only one implementation exists."""

import importlib.util
from functools import cache
from types import ModuleType

from lab.paths import PROVISION

SCRIPT = PROVISION / "roles/mail_database/files/password_variables.py"


@cache
def script() -> ModuleType:
    """The host's script as a module."""
    spec = importlib.util.spec_from_file_location(SCRIPT.stem, SCRIPT)
    if spec is None or spec.loader is None:
        raise ImportError(f"{SCRIPT} is no Python")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def verifier(role: str, password: str) -> str:
    """A SCRAM-SHA-256 verifier for `ALTER ROLE ... PASSWORD`. Raises ValueError for a password it cannot take."""
    return str(script().verifier(role, password))
