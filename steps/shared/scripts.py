"""Scripts on the host: their help, wrong use of them, and their success."""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pytest_bdd import parsers, then, when
from testinfra.backend.base import CommandResult
from testinfra.host import Host

from proof.hosts.target import Target

WRONG_USE = 2  # exit status
QUOTA_SCRIPTS = ("enable_quotas.sh", "check_quotas.sh", "set_quota.sh")
NO_ARGUMENTS = "no arguments"


@dataclass(frozen=True)
class Usage:
    """Results of scripts: asked for help, by name; used wrongly, by command line."""

    helped: Mapping[str, CommandResult]
    misused: Mapping[str, CommandResult]


def path_of(target: Target, script: str) -> str:
    """Path of one of the operator's scripts."""
    home = "quota_home" if script in QUOTA_SCRIPTS else "postgres_home"
    return f"{target.text(home)}/{script}" if script in QUOTA_SCRIPTS else f"{target.text(home)}/scripts/{script}"


def use(mail: Host, target: Target, calls: Sequence[tuple[str, str]]) -> Usage:
    """Ask each script for its help, and run it with wrong arguments, with nothing to read."""
    helped = {script: mail.run("%s --help", path_of(target, script), timeout=60) for script, _ in calls}
    misused = {}
    for script, arguments in calls:
        words = [] if arguments == NO_ARGUMENTS else shlex.split(arguments)
        command = " ".join(["%s"] * (1 + len(words)))
        misused[f"{script} {' '.join(words)}"] = mail.run(command, path_of(target, script), *words, timeout=60)
    return Usage(helped, misused)


@when(parsers.parse('"{script}" is asked for help, and run with "{arguments}"'), target_fixture="usage")
def one_script(mail: Host, target: Target, script: str, arguments: str) -> Usage:
    """One script and one mistake."""
    return use(mail, target, [(script, arguments)])


@when("each script is asked for help, and run with these arguments:", target_fixture="usage")
def several_scripts(mail: Host, target: Target, datatable: Sequence[Sequence[object]]) -> Usage:
    """A row for each mistake."""
    return use(mail, target, [(str(script), str(arguments)) for script, arguments in datatable[1:]])


@when(parsers.parse('the operator runs "{script}"'), target_fixture="ran")
def operator_runs(mail: Host, target: Target, script: str) -> CommandResult:
    """As root."""
    return mail.run("%s", path_of(target, script), timeout=300)


@then("the help shows the usage")
def help_shows_usage(usage: Usage) -> None:
    """On standard output, as a success."""
    wrong = {
        name: result for name, result in usage.helped.items() if result.rc or f"usage: {name}" not in result.stdout
    }
    assert usage.helped, "no script was asked for its help"
    assert not wrong, f"scripts on mail that do not explain their usage: {wrong}"


@then("the wrong use is refused with a reason and a hint at the help")
def wrong_use_is_refused(usage: Usage) -> None:
    """With the status of wrong use, on standard error only."""
    for call, result in usage.misused.items():
        assert (result.rc, result.stdout) == (WRONG_USE, ""), f"on mail, {call}: {result}"
        assert "--help" in result.stderr, f"on mail, {call} does not hint at its help: {result}"
        assert len(result.stderr.splitlines()) >= 2, f"on mail, {call} does not give a reason: {result}"
