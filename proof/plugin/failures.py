"""Classifies an error in a scenario: the criterion failed, the lab broke, or the steps are wrong."""

import math
from collections.abc import Sequence
from pathlib import Path

import psycopg
import pytest
from pytest_bdd.exceptions import StepDefinitionNotFoundError

from lab.errors import LabError
from proof.evidence.record import Evidence, Failure, FailureKind
from proof.evidence.redact import redactor
from proof.hosts.connections import HUB, MAIL
from proof.plugin.session import ProofSession

CRITERION = (
    AssertionError,
    pytest.fail.Exception,
    TimeoutError,
    psycopg.OperationalError,
)  # the host's, not the steps'
JOURNAL_LINES = 20
JOURNAL_NOISE = "qemu-ga["  # the out-of-band channel logs its own requests
LOOK_SECONDS = 20.0
LOOKS: tuple[tuple[str, ...], ...] = (
    ("ss", "-tlnp"),
    ("systemctl", "status", "--no-pager", "--lines=5", "ssh"),
    ("ip", "-brief", "address"),
)


def failure_of(excinfo: pytest.ExceptionInfo[BaseException], session: ProofSession) -> Failure:
    """The failure that an exception in a scenario means.

    A broken lab is remembered in the session, so that what is left of the run ends fast.
    """
    from proof.transport.errors import Unreachable  # noqa: PLC0415 - loaded by the first run that connects

    error = excinfo.value
    if isinstance(error, Unreachable):
        return _unreachable(error, excinfo, session)
    if isinstance(error, LabError):
        session.broken = error
        return _failure("lab", str(error), excinfo, session)
    if isinstance(error, StepDefinitionNotFoundError):
        return _failure("undefined", str(error), excinfo, session)
    if isinstance(error, CRITERION):
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
    """The innermost line of steps/ that the exception passed, as path:line; empty if it passed none."""
    for entry in reversed(excinfo.traceback):
        path = Path(str(entry.path))
        if path.is_relative_to(root / "steps"):
            return f"{path.relative_to(root)}:{entry.lineno + 1}"
    return ""


def _unreachable(error: Exception, excinfo: pytest.ExceptionInfo[BaseException], session: ProofSession) -> Failure:
    """The criterion failed if the host still runs; otherwise the lab broke, or the cause is unknown."""
    name = session.connections.host_of(error)
    known = session.connections.is_lost(name)
    culprit = None if known else _culprit(name, session)
    if culprit is not None:
        session.broken = LabError(f"{culprit}: {error}", "lab status; lab logs hub; lab logs mail")
        return _failure("lab", str(session.broken), excinfo, session)
    message = f"{error}\nOut of band the host is alive, so the lab is not to blame."
    failure = _failure("unreachable", message, excinfo, session)
    if not known:
        if _refusal(name, session) is not None:
            session.connections.mark_lost(name, error)
        failure.journal = journal(session)
        failure.seen_out_of_band = _looks(session)
    return failure


def _culprit(name: str, session: ProofSession) -> str | None:
    """What is broken other than the host itself, None if nothing is."""
    if session.lab is None:
        return f"{session.target.name}'s {name} does not answer, and no other way leads there"
    if name != MAIL:
        return f"the lab's {name} does not answer"
    if not session.lab.alive(MAIL, LOOK_SECONDS):
        return "mail answers neither on its proper path nor out of band"
    refusal = _refusal(HUB, session)
    return f"the way to mail leads through the hub, which does not answer: {refusal}" if refusal else None


def _refusal(name: str, session: ProofSession) -> Exception | None:
    """Why a host does not answer, on a new connection if need be; None if it does."""
    try:
        session.connections.current(name).run("true")
    except Exception as error:
        return error
    return None


def _looks(session: ProofSession) -> list[Evidence]:
    if session.lab is None:
        return []
    seen = []
    for number, argv in enumerate(LOOKS, start=1):
        try:
            seen.append(session.lab.look(MAIL, argv, LOOK_SECONDS, f"{session.record.current_slug()}-look{number}"))
        except LabError as error:
            seen.append(Evidence("note", f"{' '.join(argv)}: {error}"))
    return seen


def journal(session: ProofSession) -> list[str]:
    """The last lines of the host's journal since the current scenario began; empty if it cannot be read."""
    since = math.ceil(session.record.elapsed()) + 1
    argv = (
        *("journalctl", "--no-pager", "--quiet", "--output=short-precise"),
        *("--lines=500", f"--since=-{since}s"),
    )
    try:
        text = _journal_text(session, argv)
    except Exception as error:
        return [f"(the journal could not be read: {error})"]
    lines = [line for line in redactor(text).splitlines() if JOURNAL_NOISE not in line]
    return lines[-JOURNAL_LINES:]


def _journal_text(session: ProofSession, argv: Sequence[str]) -> str:
    if session.lab is not None:
        return session.lab.look(MAIL, argv, LOOK_SECONDS, f"{session.record.current_slug()}-journal").stdout
    command = " ".join("%s" for _ in argv)
    return str(session.connections.current(MAIL).run(command, *argv).stdout)
