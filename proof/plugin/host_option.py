"""The hosts of a pytest run: option `--host`, and what follows from it before the collection."""

from contextlib import suppress

import pytest

from lab.errors import EXIT_LAB_BROKEN, LabError, UsageError
from proof.hosts import target as targets
from proof.hosts.target import LAB, Target
from proof.plugin import multi_host
from proof.plugin.multi_host import GROUP, TARGET, TARGETS


def pytest_addoption(parser: pytest.Parser) -> None:
    """The option that names hosts."""
    group = parser.getgroup(GROUP, "proving a host")
    group.addoption(
        "--host",
        metavar="NAME",
        action="append",
        default=[],
        help="the host to prove: an inventory, a host or a group of one; several are proved side by side",
    )


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> None:
    """Find the hosts, and have a process started for each if there are several."""
    if not config.getoption("--host"):
        return
    if multi_host.own_host(config) is None and multi_host.distributed(config):
        raise pytest.UsageError(multi_host.DOUBLE_USE)
    with suppress(LabError):  # pytest can end with a status of ours only later: see pytest_configure
        config.stash[TARGETS] = chosen = _choose(config)
        if len(chosen) > 1:
            multi_host.start(config, chosen)


def pytest_configure(config: pytest.Config) -> None:
    """Choose the folder that this run collects, and the style of its report."""
    if TARGETS not in config.stash:
        try:
            config.stash[TARGETS] = _choose(config)
        except LabError as error:
            pytest.exit(f"Error of the lab: {error}", EXIT_LAB_BROKEN)
    chosen = config.stash[TARGETS]
    if chosen and config.option.tbstyle == "auto":
        config.option.tbstyle = "line"  # the report describes a failed criterion, without a traceback
    if len(chosen) == 1:
        config.stash[TARGET] = chosen[0]
    elif chosen:
        config.pluginmanager.register(multi_host.MultiHostReporter(chosen))
    if config.args_source is pytest.Config.ArgsSource.TESTPATHS:
        config.args = [str(config.rootpath / ("steps" if chosen else "tests"))]


def _choose(config: pytest.Config) -> list[Target]:
    """The hosts of the command line; in a process that is for one of them, that one."""
    try:
        chosen = targets.select(config.getoption("--host"), config.rootpath)
    except UsageError as error:
        raise pytest.UsageError(str(error)) from None
    if config.getoption("--provider") and LAB not in (target.name for target in chosen):
        raise pytest.UsageError(f"--provider is about the lab's machines: use it with --host={LAB}")
    own = multi_host.own_host(config)
    return [target for target in chosen if own in (None, target.name)]


def pytest_report_header(config: pytest.Config) -> str | None:
    """Say which hosts are proved."""
    named = [f"{target.name}, from {target.source}" for target in config.stash.get(TARGETS, [])]
    return f"host: {'; '.join(named)}" if named else None
