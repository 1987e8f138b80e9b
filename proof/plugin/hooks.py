"""The hooks of the pytest plugin: a run with `--host` leaves a record, a table and a reset lab."""

import argparse
import os
import signal
import sys
from collections.abc import Generator
from pathlib import Path

import pytest
from pytest_bdd.parser import Step

from lab.errors import LabError
from lab.provider import NAMES
from proof.evidence.record import Scenario as Record
from proof.evidence.run_folder import RunFolder
from proof.gherkin import feature_files, lint
from proof.gherkin.case import CASE
from proof.gherkin.feature_files import TAGS, FeatureSyntaxError
from proof.hosts import recorded_lab
from proof.plugin import failures, multi_host, scenario_lines, second_lab, selection
from proof.plugin.multi_host import GROUP, TARGET, TARGETS, known
from proof.plugin.run_recorder import scenario_of
from proof.plugin.selection import ON_PRODUCTION
from proof.plugin.session import SESSION, ProofSession
from proof.report import columns
from proof.report import terminal as report

pytest_plugins = [
    "proof.plugin.host_option",
    "proof.plugin.affected",
    "proof.plugin.fixtures",
    "proof.plugin.database_fixtures",
]

RECORD = pytest.StashKey[Record]()
LEFT_OUT = pytest.StashKey[list[Record]]()
IN_SECOND_LAB = pytest.StashKey[bool]()
STATE = "proof_state"  # what a report carries from making it to counting it
KEPT_BY_STATE = {"passed": "passed", "failed": "not proved", "skipped": "skipped", "not run": "not run"}


def pytest_addoption(parser: pytest.Parser) -> None:
    """Options that choose criteria, and how a run goes about them."""
    group = parser.getgroup(GROUP)
    group.addoption(
        "--rule", metavar="TEXT", action="append", default=[], help="only scenarios of the Rule that reads so"
    )
    group.addoption("--scenario", metavar="NAME", action="append", default=[], help="only the scenario of this name")
    group.addoption(
        "--no-reset", action="store_true", help="use the lab in its present state: do not start or reset it"
    )
    group.addoption(
        "--shuffle", type=int, metavar="SEED", help="another order, the same for the same number: see lab soak"
    )
    group.addoption(
        "--labs",
        type=int,
        choices=(1, 2),
        help="how many labs run side by side what breaks them; by itself 2 where the machine is large enough",
    )
    group.addoption("--provider", choices=NAMES, help="who makes the lab's machines: see lab up --help")
    group.addoption("--second-lab-claims", metavar="PATH", type=Path, help=argparse.SUPPRESS)  # proof.plugin.second_lab
    group.addoption(
        "--run-folder", metavar="PATH", type=Path, help="folder of this run; it does not become the last run"
    )


def _features(config: pytest.Config) -> Path:
    return config.rootpath / "features"


def pytest_configure(config: pytest.Config) -> None:
    """Register the features' tags."""
    for tag, meaning in TAGS.items():
        config.addinivalue_line("markers", f"{tag}: {meaning}")
    tags = {tag for path in feature_files.files(_features(config)) for tag in lint.tags_of(path)}
    for tag in sorted(tags):
        config.addinivalue_line("markers", f"{tag}: of the tracker")
    config.pluginmanager.register(SecondLabFilter())


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection_modifyitems(
    session: pytest.Session, config: pytest.Config, items: list[pytest.Item]
) -> Generator[None]:
    """Check the features, drop what may not run on this host, and put disruptive scenarios last."""
    try:
        bound = selection.bind(items)
    except FeatureSyntaxError as error:
        raise multi_host.refusal(config, str(error)) from None
    target = config.stash.get(TARGET, None)
    if bound and target is None:
        raise pytest.UsageError(f"these scenarios need a host: name one with --host, out of {known(config)}")
    yield
    if target is None or session.testsfailed:
        return
    chosen = [item for item in items if CASE in item.stash]
    _check(config, bound, chosen)
    rules, names = config.getoption("--rule"), config.getoption("--scenario")
    unwanted = [item for item in chosen if not selection.chosen(item, rules, names)]
    unwanted += selection.standing(config, target, [item for item in chosen if item not in unwanted])
    harmful = [
        item
        for item in chosen
        if item not in unwanted and item.stash[CASE].scenario.disruptive and not target.resettable
    ]
    for item in chosen:
        item.stash[RECORD] = scenario_of(item.stash[CASE], item.nodeid)
    for item in harmful:
        item.stash[RECORD].state, item.stash[RECORD].reason = "skipped", ON_PRODUCTION
    config.stash[LEFT_OUT] = [item.stash[RECORD] for item in harmful]
    dropped = {*unwanted, *harmful}
    if dropped:
        config.hook.pytest_deselected(items=list(dropped))
    items[:] = selection.ordered([item for item in items if item not in dropped], config.getoption("--shuffle"))
    if config.getoption("--second-lab-claims"):
        items.reverse()


def _check(config: pytest.Config, bound: list[pytest.Item], chosen: list[pytest.Item]) -> None:
    """Raise UsageError if the features of this run have holes; a run of everything looks at every file."""
    narrowed = config.option.markexpr or config.option.keyword
    everything = not narrowed and config.args == [str(config.rootpath / "steps")]
    paths = {item.stash[CASE].feature.path for item in chosen}
    findings = lint.check_folder(_features(config), None if everything else paths)
    if not findings:
        features = [
            feature for feature in feature_files.read_all(_features(config)) if everything or feature.path in paths
        ]
        if not any("::" in argument for argument in config.args):
            findings += selection.unbound(bound, features)
        findings += selection.undefined(chosen)
    if findings:
        raise multi_host.refusal(
            config, "the features have holes:\n" + "\n".join(f"  {finding}" for finding in findings)
        )


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> bool | None:
    """Bring the host up before the first scenario; if that fails, nothing runs."""
    config = session.config
    scenarios = [item.stash[RECORD] for item in session.items if RECORD in item.stash]
    left_out = config.stash.get(LEFT_OUT, [])
    if (scenarios or left_out) and not config.option.collectonly and not session.testsfailed:
        _open(config, [*scenarios, *left_out])
        broken = config.stash[SESSION].broken is not None
        return True if broken and multi_host.own_host(config) is None else None
    return None


def _open(config: pytest.Config, scenarios: list[Record]) -> None:
    target = config.stash[TARGET]
    named = config.getoption("--run-folder")
    runs = config.rootpath / "build" / "runs"
    at = named / target.name if named and multi_host.own_host(config) else named
    folder = RunFolder.at(at.resolve()) if at else RunFolder.create(runs, target.name)
    command = ["pytest", *map(str, config.invocation_params.args)]
    proving = ProofSession(target, config.rootpath, folder, command, no_reset=config.getoption("--no-reset"))
    config.stash[SESSION] = proving
    proving.record.open(feature_files.read_all(_features(config)), scenarios)
    terminal = config.pluginmanager.get_plugin("terminalreporter")
    if isinstance(terminal, pytest.TerminalReporter):
        terminal.showfspath = False
        terminal.ensure_newline()
    sys.stdout.flush()
    if claims := config.getoption("--second-lab-claims"):
        proving.sharing.join(claims)
        signal.signal(signal.SIGTERM, signal.default_int_handler)  # also when the first run is killed
    try:
        proving.bring_up(config.getoption("--provider"))
    except LabError as error:
        proving.broken = error
    else:
        _start_second_lab(config, proving, scenarios)


def _start_second_lab(config: pytest.Config, proving: ProofSession, scenarios: list[Record]) -> None:
    """Start a second lab for the disruptive scenarios, if it saves time and there is room."""
    rough = [scenario.node for scenario in scenarios if scenario.disruptive]
    wanted = config.getoption("--labs")
    if not proving.sharing.possible or wanted == 1 or (wanted is None and len(rough) < second_lab.WORTH_IT):
        return
    provider = proving.lab.origin().get("provider", "") if proving.lab else ""
    why_not = second_lab.why_alone(provider, asked=wanted is not None)
    if why_not and wanted is None:
        return
    if why_not:
        proving.broken = LabError(f"There can be no second lab: {why_not}.", "--labs=1")
    elif rough:
        proving.sharing.start(proving.record.folder.path, rough)
        _say(config, f"  Two labs share the {len(rough)} scenarios that break one (--labs=1: one lab alone)")


def _say(config: pytest.Config, text: str) -> None:
    terminal = config.pluginmanager.get_plugin("terminalreporter")
    if terminal is not None:
        terminal.write_line(text)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Record a scenario, reset what it broke, and print its line."""
    proving = item.config.stash.get(SESSION, None)
    if proving is None or RECORD not in item.stash:
        return (yield)
    record = item.stash[RECORD]
    elsewhere = record.disruptive and not proving.is_mine(record)
    item.stash[IN_SECOND_LAB] = elsewhere and (proving.sharing.second is None or _adopted(item, proving))
    if item.stash[IN_SECOND_LAB]:
        return (yield)
    proving.record.begin(record)
    try:
        with proving.live.during(f"{record.task}  {record.name}", f"scenario {record.id}"):
            return (yield)
    finally:
        steps = [(step.keyword, step.text, step.line) for step in item.stash[CASE].scenario.steps]
        proving.end(steps)
        _line(item.config, record, proving)


class SecondLabFilter:
    """Keeps from running what another lab runs."""

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> bool | None:
        """Whether this scenario is dealt with already; None if it is not."""
        return item.stash.get(IN_SECOND_LAB, False) or None


def _adopted(item: pytest.Item, proving: ProofSession) -> bool:
    """Whether the second lab's result of a scenario became this run's; waits for it."""
    record = item.stash[RECORD]
    with proving.live.during(f"{record.task}  {record.name}, in the second lab", f"scenario {record.id}"):
        adopted = proving.adopt(record)
    if not adopted:
        _say(item.config, f"  The second lab has no result of {record.name!r}. {proving.sharing.trouble()}".rstrip())
        return False
    said = record.failure.message if record.failure else (str(item.path), record.line, record.reason)
    report = pytest.TestReport(
        nodeid=item.nodeid,
        location=item.location,
        keywords={},
        outcome="passed" if record.state == "passed" else "failed" if record.state == "failed" else "skipped",
        longrepr=None if record.state == "passed" else said,
        when="call",
        duration=record.seconds,
        user_properties=[("scenario", record.id)],
    )
    report.__dict__[STATE] = record.state
    _tell(item.config, report, record, proving)
    item.ihook.pytest_runtest_logreport(report=report)
    _line(item.config, record, proving)
    return True


def _line(config: pytest.Config, record: Record, proving: ProofSession) -> None:
    terminal = config.pluginmanager.get_plugin("terminalreporter")
    if terminal is not None:
        line = proving.lines.line(record, record.seconds)
        terminal.write_line(
            report.wrapped(f"  {line}", columns.width()), **{scenario_lines.COLOURS[record.state]: True}
        )


def _tell(config: pytest.Config, report: pytest.TestReport, record: Record, proving: ProofSession) -> None:
    """Let the process that started this one print the scenario's line."""
    own = multi_host.own_host(config)
    if own is not None:
        line = proving.lines.line(record, record.seconds or proving.record.elapsed())
        report.__dict__[multi_host.LINE] = (f"  {own}  {line}", scenario_lines.COLOURS[record.state])


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """End early if the lab broke; never let a disruptive scenario run on a host that cannot be reset."""
    proving = item.config.stash.get(SESSION, None)
    if proving is None or RECORD not in item.stash:
        return
    if proving.broken is not None:
        proving.record.settle("not run", proving.broken_reason)
        pytest.skip(f"not run: {proving.broken_reason}")
    if item.stash[CASE].scenario.disruptive and not proving.target.resettable:
        pytest.skip(ON_PRODUCTION)
    proving.guard.touch(proving.current)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Turn what pytest saw into the state of the scenario."""
    made = yield
    proving = item.config.stash.get(SESSION, None)
    if proving is None or RECORD not in item.stash:
        return made
    record = item.stash[RECORD]
    made.user_properties.append(("scenario", record.id))
    if made.failed and call.excinfo is not None:
        failure = failures.failure_of(call.excinfo, proving)
        made.longrepr = failure.message
        if record.failure is None:
            record.failure = failure
        if failure.kind == "lab":
            proving.record.settle("not run", proving.broken_reason)
        else:
            proving.record.settle("failed")
    elif made.skipped and not record.reason:
        reason = made.longrepr[2] if isinstance(made.longrepr, tuple) else str(made.longrepr)
        proving.record.settle("skipped", reason.removeprefix("Skipped: "))
    elif made.when == "call" and made.passed:
        proving.record.settle("passed")
    made.__dict__[STATE] = record.state
    if made.when == "teardown":
        _tell(item.config, made, record, proving)
    return made


def pytest_report_teststatus(report: pytest.TestReport) -> tuple[str, str, str] | None:
    """Count scenarios without a letter each: they have lines of their own."""
    state = getattr(report, STATE, None)
    if state is None:
        return None
    counts = report.when == "call" or report.skipped or report.failed
    return (KEPT_BY_STATE[state] if counts else "", "", "")


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Close the run; a broken lab has its own exit status."""
    proving = session.config.stash.get(SESSION, None)
    if proving is not None:
        interrupted = exitstatus in (pytest.ExitCode.INTERRUPTED, pytest.ExitCode.INTERNAL_ERROR)
        session.exitstatus = proving.close(int(exitstatus), interrupted=interrupted)
        if session.config.getoption("--second-lab-claims"):
            recorded_lab.open_lab().down()
        if session.config.getoption("--run-folder") is None:
            _seal(session.config, proving.record.folder.path)
        multi_host.leave(session.config, multi_host.RECORD, str(proving.record.folder.record.resolve()))


def _seal(config: pytest.Config, folder: Path) -> None:
    """Sign what the run found; if that fails, its results are none the worse."""
    from proof.evidence import statement  # noqa: PLC0415 - only at the end of a run

    try:
        statement.seal(folder, statement.key_file())
    except (LabError, OSError, ValueError) as error:
        _say(config, f"The run's statement could not be written: {error}")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Print failures and the table; without a host, how to name one."""
    proving = config.stash.get(SESSION, None)
    if proving is not None:
        text = report.render(
            proving.record.run,
            proving.record.folder.shown(),
            width=columns.width(),
            colour=terminalreporter.hasmarkup,
        )
        terminalreporter.ensure_newline()
        terminalreporter.line("")
        terminalreporter.write(text)
    hosts = config.stash.get(TARGETS, [])
    if not hosts:
        terminalreporter.write_line(f"No host was proved. To prove one: pytest --host=NAME, out of {known(config)}")
    elif (proving is not None or len(hosts) > 1) and config.getoption("--run-folder") is None:
        terminalreporter.write_line(_documented(config))


def _documented(config: pytest.Config) -> str:
    """Compute the documentation again. Returns a sentence with its path, or with the reason why it failed."""
    from proof.docs import __main__ as docs  # noqa: PLC0415 - most runs of pytest need none of it

    build = config.rootpath / "build"
    try:
        wrong = docs.make(config.rootpath, [build]).mismatches
    except Exception as error:
        return f"The documentation could not be computed: {type(error).__name__}: {error}".splitlines()[0]
    said = f"; {len(wrong)} counts do not add up, see make docs" if wrong else ""
    return f"Documentation: {os.path.relpath(build / docs.SITE / 'index.html')}{said}"


def _proving(request: pytest.FixtureRequest) -> ProofSession | None:
    return request.config.stash.get(SESSION, None)


@pytest.hookimpl(tryfirst=True)
def pytest_bdd_before_step(request: pytest.FixtureRequest, step: Step) -> None:
    """Evidence from here on belongs to this step."""
    if proving := _proving(request):
        proving.record.begin_step(step.keyword, step.name, step.line_number)


def pytest_bdd_after_step(request: pytest.FixtureRequest) -> None:
    """The step passed."""
    if proving := _proving(request):
        proving.record.end_step("passed")


def pytest_bdd_step_error(request: pytest.FixtureRequest) -> None:
    """The step failed; the report that follows gives the reason."""
    if proving := _proving(request):
        proving.record.end_step("failed")


def pytest_bdd_step_func_lookup_error(request: pytest.FixtureRequest, step: Step) -> None:
    """No one wrote this step."""
    if proving := _proving(request):
        proving.record.begin_step(step.keyword, step.name, step.line_number)
        proving.record.end_step("undefined")
