"""Option `--affected`: only scenarios whose newest result no longer counts are run."""

import pytest

from proof.plugin.multi_host import GROUP
from proof.plugin.selection import STANDING


def pytest_addoption(parser: pytest.Parser) -> None:
    """The option."""
    parser.getgroup(GROUP).addoption(
        "--affected",
        action="store_true",
        help="only scenarios that did not pass, or were made from something that changed since",
    )


def pytest_report_collectionfinish(config: pytest.Config) -> str | None:
    """How many scenarios an earlier result still counts of."""
    found = config.stash.get(STANDING, None)
    return None if found is None else f"{len(found)} scenarios stand as they were proved, and are not run"


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """That nothing is affected is a success."""
    if exitstatus == pytest.ExitCode.NO_TESTS_COLLECTED and session.config.stash.get(STANDING, []):
        session.exitstatus = pytest.ExitCode.OK
