"""What an error in a scenario means: the criterion failed, the lab broke, or the steps are wrong."""

import math
from collections.abc import Sequence
from pathlib import Path

import pytest
from pytest_bdd.exceptions import StepDefinitionNotFoundError

from lab.errors import LabError
from proof.connections import HUB, MAIL
from proof.record import Evidence, Failure, FailureKind
from proof.redact import redactor
from proof.session import ProofSession

JOURNAL_LINES = 20
LOOK_SECONDS = 20.0
LOOKS: tuple[tuple[str, ...], ...] = (
    ("ss", "-tlnp"),
    ("systemctl", "status", "--no-pager", "--lines=5", "ssh"),
    ("ip", "-brief", "address"),
)


def failure_of(excinfo: pytest.ExceptionInfo[BaseException], session: ProofSession) -> Failure:
    """The failure that an exception in a scenario stands for.

    A broken lab is remembered in the session, so that what is left of the run ends fast.
    """
    from proof.transport import Unreachable  # noqa: PLC0415 - loaded by the first run that connects

    error = excinfo.value
    if isinstance(error, Unreachable):
        return _unreachable(error, excinfo, session)
    if isinstance(error, LabError):
        session.broken = error
        return _failure("lab", str(error), excinfo, session)
    if isinstance(error, StepDefinitionNotFoundError):
        return _failure("undefined", str(error), excinfo, session)
    if isinstance(error, AssertionError | pytest.fail.Exception | TimeoutError):
        failure = _failure("criterion", str(error) or type(error).__name__, excinfo, session)
    else:
        failure = _failure("steps", f"{type(error).__name__}: {error}", excinfo, session)
        failure.traceback = redactor(str(excinfo.getrepr(style="short")))
    failure.journal = journal(session)
    return failure


def _failure(
    kind: FailureKind,
    message: str,
    excinfo: pytest.ExceptionInfo[BaseException],
    session: ProofSession,
) -> Failure:
    return Failure(kind, redactor(message), _where(excinfo, session.root))


def _where(excinfo: pytest.ExceptionInfo[BaseException], root: Path) -> str:
    """The innermost line of steps/ that the exception passed, as path:line; empty where it passed none."""
    for entry in reversed(excinfo.traceback):
        path = Path(str(entry.path))
        if path.is_relative_to(root / "steps"):
            return f"{path.relative_to(root)}:{entry.lineno + 1}"
    return ""


def _alive(session: ProofSession, node: str) -> bool:
    if session.lab is None:
        return False
    try:
        return session.lab.exec(node, ["true"], timeout=LOOK_SECONDS).exit_status == 0
    except LabError:
        return False


def _unreachable(error: Exception, excinfo: pytest.ExceptionInfo[BaseException], session: ProofSession) -> Failure:
    name = session.connections.blamed(error)
    session.connections.lose(name, error)
    if session.lab is None:
        session.broken = LabError(
            f"{session.target.name} does not answer: {error}", "look at the network, the VPN and the host"
        )
        return _failure("lab", str(session.broken), excinfo, session)
    if name != MAIL:
        session.broken = LabError(f"The {name} of the lab does not answer: {error}", "lab status; lab logs hub")
        return _failure("lab", str(session.broken), excinfo, session)
    if not _alive(session, MAIL):
        session.broken = LabError(
            f"mail answers neither on its proper path nor out of band: {error}", "lab status; lab logs mail"
        )
        return _failure("lab", str(session.broken), excinfo, session)
    message = f"{error}\nOut of band the host is alive, so the lab is not to blame."
    failure = _failure("unreachable", message, excinfo, session)
    failure.seen_out_of_band = _looks(session)
    failure.journal = journal(session)
    if not _alive(session, HUB):
        session.broken = LabError("The hub of the lab does not answer out of band.", "lab status; lab logs hub")
    return failure


def _looks(session: ProofSession) -> list[Evidence]:
    if session.lab is None:
        return []
    seen = []
    for number, argv in enumerate(LOOKS, start=1):
        try:
            seen.append(session.lab.look(MAIL, argv, LOOK_SECONDS, f"{session.current_slug()}-look{number}"))
        except LabError as error:
            seen.append(Evidence("note", f"{' '.join(argv)}: {error}"))
    return seen


def journal(session: ProofSession) -> list[str]:
    """The last lines of the host's journal since the current scenario began; empty where nobody can tell."""
    since = math.ceil(session.elapsed()) + 1
    argv = (
        *("journalctl", "--no-pager", "--quiet", "--output=short-precise"),
        *(f"--lines={JOURNAL_LINES}", f"--since=-{since}s"),
    )
    try:
        text = _journal_text(session, argv)
    except Exception as error:  # noqa: BLE001 - the criterion's failure counts, whatever hides the journal
        return [f"(the journal could not be read: {error})"]
    return redactor(text).splitlines()[-JOURNAL_LINES:]


def _journal_text(session: ProofSession, argv: Sequence[str]) -> str:
    if session.lab is not None:
        return session.lab.look(MAIL, argv, LOOK_SECONDS, f"{session.current_slug()}-journal").stdout
    command = " ".join("%s" for _ in argv)
    return str(session.connections.current(MAIL).run(command, *argv).stdout)
