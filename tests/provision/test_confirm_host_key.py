"""confirm_host_key.sh where no host is needed to know what it does; with one it is proved by feature 1.2.5."""

import pytest

from lab.paths import PROVISION
from proof import process
from proof.process import Finished

SCRIPT = PROVISION / "confirm_host_key.sh"


def run(*arguments: str) -> Finished:
    return process.run([str(SCRIPT), *arguments], timeout=30)


@pytest.mark.parametrize(
    "arguments", [[], ["--yes", "vultr"], ["--known-hosts"], ["vultr", "mail", "more"], ["--known-hosts", "file"]]
)
def test_wrong_use_shows_how_to_use_it(arguments: list[str]) -> None:
    done = run(*arguments)
    assert (done.exit_status, done.stdout) == (2, "")
    assert done.stderr.startswith("usage:")


def test_help_is_no_error() -> None:
    done = run("--help")
    assert (done.exit_status, done.stderr) == (0, "")
    assert "exit status:" in done.stdout


def test_a_target_without_an_inventory_is_named() -> None:
    done = run("elsewhere")
    assert done.exit_status == 3
    assert "inventory/elsewhere.yml" in done.stderr
