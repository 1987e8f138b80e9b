"""Answers about programs in the search path."""

import shutil

from proof.transport.rpc.command import PATH


def path_of(program: str) -> str:
    """Where a program lies, empty if it is not in the search path."""
    return shutil.which(program, path=PATH) or ""
