"""Where a secret is: a client that is handed it is no copy, anything else is."""

import os
import subprocess
import sys

import pytest

from proof.probes import secret

WORD = "bm90IGEgcmVhbCBzZWNyZXQsIG9mIGEgdGVzdC4"
WAIT = "import sys; sys.stdin.read()"


def held(variables: dict[str, str]) -> set[str]:
    """Which part of a process with these variables holds the word."""
    with subprocess.Popen([sys.executable, "-c", WAIT], stdin=subprocess.PIPE, env=variables) as process:
        assert process.stdin is not None
        word = WORD.encode()
        found = {place for place, text in secret._processes(word) if word in text}
        process.stdin.close()
    return {place.split()[0] for place in found if place.endswith(f" {process.pid}")}


@pytest.mark.skipif(os.geteuid() != 0, reason="of root's processes")
def test_a_client_of_roots_may_be_handed_the_password() -> None:
    assert held({"PGPASSWORD": WORD}) == set()


@pytest.mark.parametrize("variables", [{"POSTGRES_PASSWORD": WORD}, {"PGPASSWORD": WORD, "OTHER": f"x{WORD}"}])
def test_any_other_variable_is_a_copy(variables: dict[str, str]) -> None:
    assert held(variables) == {"environ"}
