"""The watch as a whole: a host that is broken and mended on a moved clock, real mail and a real HTTP endpoint."""

import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from email.message import Message as Mail
from pathlib import Path

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Message as Handler
from aiosmtpd.smtp import AuthResult

from lab import tools
from lab.errors import LabError
from lab.free_ports import find_free
from proof.evidence.record import Run, Scenario, ScenarioState
from proof.evidence.redact import MASK, redactor
from proof.watch import look as looking
from proof.watch import memory as memories
from proof.watch import notify, units
from proof.watch.look import UnseenError
from proof.watch.memory import Message, Result
from proof.watch.watch import Settings, Watch
from proof.whole_host import journal, looks
from tests.proof.watch.endpoint import Bodies, endpoint

START = datetime(2026, 11, 1, 10, 0, tzinfo=UTC)
HOUR, QUARTER = timedelta(hours=1), timedelta(minutes=15)


class Inbox(Handler):
    """An SMTP server's mailbox."""

    def __init__(self) -> None:
        super().__init__()
        self.mails: list[Mail] = []

    def handle_message(self, message: Mail) -> None:
        self.mails.append(message)


@pytest.fixture
def address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Writes the file of addresses."""

    def write(*urls: str, mode: int = 0o600) -> None:
        path = tmp_path / "notify"
        path.write_text("# where to\n" + "\n".join(urls) + "\n")
        path.chmod(mode)
        monkeypatch.setenv(notify.VARIABLE, str(path))

    write()
    return write


@pytest.fixture
def inbox(address: Callable[..., None]) -> Iterator[Inbox]:
    handler, (port,) = Inbox(), find_free(1)
    server = Controller(
        handler,
        hostname="127.0.0.1",
        port=port,
        authenticator=lambda *_: AuthResult(success=True),
        auth_require_tls=False,
    )
    server.start()
    address(f"mailto://watch:very-secret-word@127.0.0.1:{port}?from=watch@example.org&to=me@example.org&mode=insecure")
    yield handler
    server.stop()


@pytest.fixture
def posted(address: Callable[..., None]) -> Iterator[Bodies]:
    with endpoint() as (url, bodies):
        address(f"{url}/a-secret-token")
        yield bodies


class World:
    """A host that is looked at every hour; what is red and why it is unseen are set by the test."""

    def __init__(self, watch: Watch) -> None:
        self.watch = watch
        self.now = START
        self.red: dict[str, str] = {}
        self.unseen = ""
        self.scans: list[bool] = []

    def clock(self) -> datetime:
        return self.now

    def look(self, scan: bool) -> Sequence[Result]:
        self.scans.append(scan)
        if self.unseen:
            raise UnseenError(self.unseen)
        looks.keep(self.watch.host, {"files": {"/etc/motd": "1", **self.red}}, {}, "")
        names = ["ssh is closed", "the backup is there", *self.red]
        figures = {"newest_backup_age_seconds": 7200.0}
        return [Result("1.3.1", each, each in self.red, self.red.get(each, ""), "pytest x", figures) for each in names]

    def hour(self) -> int:
        self.now += HOUR
        return self.watch.run(self.look, self.clock)


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "runtime"))
    for module, name in ((looks, "looks"), (journal, "journal")):
        monkeypatch.setattr(module, "FOLDER", tmp_path / name)
    for function in (looks.keep, looks.read, journal.append):
        monkeypatch.setattr(function, "__defaults__", (tmp_path / function.__module__.rpartition(".")[2],))
    return World(Watch("vultr", tmp_path / "watch"))


def test_a_fault_is_mailed_within_one_interval_once_and_its_end_once(world: World, inbox: Inbox) -> None:
    assert world.hour() == 0
    world.red["ssh is closed"] = "an outsider reached port 22"
    assert [world.hour(), world.hour(), world.hour()] == [1, 1, 1]
    world.red.clear()
    assert [world.hour(), world.hour()] == [0, 0]
    assert [mail["Subject"] for mail in inbox.mails] == [
        "vultr: 1 criterion is red",
        "vultr: 1 criterion is green again",
    ]
    body = inbox.mails[0].get_payload(decode=True)
    assert isinstance(body, bytes)
    assert b"1.3.1 ssh is closed" in body
    assert b"an outsider reached port 22" in body


def test_an_endpoint_is_told_and_what_did_not_arrive_is_sent_later(
    world: World, posted: Bodies, address: Callable[..., None]
) -> None:
    kept = Path(os.environ[notify.VARIABLE]).read_text()
    address("json://127.0.0.1:1/nobody-listens")
    world.red["ssh is closed"] = "it is open"
    world.hour()
    assert posted == []
    assert [one.title for one in memories.read(world.watch.memory_file).unsent] == ["vultr: 1 criterion is red"]
    address(*kept.splitlines())
    world.hour()
    assert [(one["title"], one["type"]) for one in posted] == [("vultr: 1 criterion is red", "failure")]
    assert memories.read(world.watch.memory_file).unsent == ()


def test_addresses_are_secrets(address: Callable[..., None], capfd: pytest.CaptureFixture[str]) -> None:
    address("json://127.0.0.1:1/a-token-nobody-may-read")
    assert notify.send([Message("red", "t", "see json://127.0.0.1:1/a-token-nobody-may-read")])
    assert redactor("json://127.0.0.1:1/a-token-nobody-may-read") == MASK
    assert "a-token" not in "".join(capfd.readouterr())
    address("json://127.0.0.1/x", mode=0o640)
    with pytest.raises(LabError, match="others can read it"):
        notify.urls()
    address("nothing://at-all-secret")
    with pytest.raises(LabError, match="Address 1 in") as error:
        notify.urls()
    assert "at-all-secret" not in str(error.value)


def test_the_scan_is_made_when_it_is_due(world: World) -> None:
    world.watch.folder.mkdir()
    world.watch.keep_settings(Settings(calm="hourly", scan="daily"))
    for _ in range(26):
        world.hour()
    assert [number for number, scan in enumerate(world.scans) if scan] == [0, 24]


def test_a_host_that_was_away_is_told_apart_from_a_red_one(world: World, inbox: Inbox) -> None:
    world.hour()
    world.unseen = "This machine is not in the VPN."
    assert [world.hour(), world.hour()] == [1, 1]
    world.unseen = ""
    world.hour()
    assert [mail["Subject"] for mail in inbox.mails] == [
        "vultr: not seen since 2026-11-01 11:00 UTC",
        "vultr: seen again",
    ]


def test_during_planned_work_nothing_is_looked_at_and_nothing_told(world: World, inbox: Inbox) -> None:
    world.hour()
    world.watch.pause(world.now + 3 * HOUR, "a new kernel")
    world.red["ssh is closed"] = "of course"
    assert [world.hour(), world.hour()] == [0, 0]
    assert len(world.scans) == 1
    world.watch.resume()
    assert world.hour() == 1
    assert len(inbox.mails) == 1


def test_two_looks_at_once_are_one(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    with world.watch.alone():
        assert world.hour() == 0
    assert world.scans == []
    assert "Another look at vultr is at work" in capsys.readouterr().out


def quarters(world: World, number: int) -> list[int]:
    statuses = []
    for _ in range(number):
        world.now += QUARTER
        statuses.append(world.watch.check(world.clock))
    return statuses


@pytest.mark.parametrize("how", ["the timer stopped", "killed in the middle", "the disk is full"])
def test_a_watch_that_is_silent_is_told_once(
    world: World, inbox: Inbox, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.hour()
    if how == "killed in the middle":

        def killed(_: bool) -> Sequence[Result]:
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            world.watch.run(killed, world.clock)
    if how == "the disk is full":

        def full(*_: object, **__: object) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(memories, "write", full)
        with pytest.raises(LabError, match="cannot be remembered"):
            world.hour()
    assert sum(quarters(world, 20)) >= 7
    assert [mail["Subject"] for mail in inbox.mails] == ["vultr: the watch is silent"]
    monkeypatch.undo()


def test_a_machine_that_slept_is_no_silent_watch(world: World, inbox: Inbox) -> None:
    world.hour()
    quarters(world, 3)
    world.now += 10 * HOUR
    assert quarters(world, 1) == [0]
    world.hour()
    assert quarters(world, 4) == [0] * 4
    assert inbox.mails == []


def test_what_changed_between_two_looks_is_in_the_journal(world: World, tmp_path: Path) -> None:
    world.watch.folder.mkdir()
    world.watch.keep_settings(Settings(metrics=str(tmp_path / "node" / "mail_lab.prom")))
    world.hour()
    world.red["/etc/cron.d/x"] = "new"
    world.hour()
    (entry,) = journal.read(tmp_path / "journal")
    assert (entry.section, entry.name, entry.before, entry.after) == ("files", "/etc/cron.d/x", "", "new")
    text = (tmp_path / "node" / "mail_lab.prom").read_text()
    assert 'mail_lab_criterion_green{criterion="ssh is closed",host="vultr",task="1.3.1"} 1.0' in text
    assert 'mail_lab_host_changes{host="vultr",section="files"} 1.0' in text
    assert 'mail_lab_host_seen{host="vultr"} 1.0' in text
    assert 'mail_lab_newest_backup_age_seconds{host="vultr"} 7200.0' in text


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="there is no systemd-analyze")
def test_systemd_takes_the_units(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    did: list[str] = []
    real = tools.run
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))

    def run(argv: Sequence[str | Path], what: str) -> str:
        did.append(" ".join(map(str, argv[:3])))
        return real(argv, what) if argv[0] == "systemd-analyze" else ""

    monkeypatch.setattr(tools, "run", run)
    made = units.install("vultr", "hourly", tmp_path)
    assert [path.name for path in made] == [
        "mail-lab-watch-vultr.service",
        "mail-lab-watch-vultr.timer",
        "mail-lab-silence-vultr.service",
        "mail-lab-silence-vultr.timer",
    ]
    assert "proof watch run --host=vultr" in made[0].read_text()
    assert did == ["systemd-analyze --user verify", "systemctl --user daemon-reload", "systemctl --user enable"]
    assert len(units.uninstall("vultr", tmp_path)) == 4
    assert not list(tmp_path.glob("mail-lab-*"))


def test_units_that_cannot_be_started_are_not_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def run(argv: Sequence[str | Path], _: str) -> str:
        if argv[0] == "systemctl":
            raise LabError("systemctl --user daemon-reload failed.")
        return ""

    monkeypatch.setattr(tools, "run", run)
    with pytest.raises(LabError, match="daemon-reload") as error:
        units.install("vultr", "hourly", tmp_path)
    assert "enable-linger" in error.value.hint
    assert list(tmp_path.iterdir()) == []


def test_the_figures_of_all_scenarios_of_a_criterion_count() -> None:
    """Whichever of them is red."""
    run = Run("x", "vultr", "2026-11-20T12:00:00Z", [])
    ended: list[tuple[ScenarioState, dict[str, float]]] = [
        ("passed", {"x_seconds": 1.0}),
        ("failed", {"y_seconds": 2.0}),
    ]
    for name, (state, figures) in zip("ab", ended, strict=True):
        scenario = Scenario(name, "2.1.3", "Backups are new", name, "", False, "f", 1, "node")
        scenario.state, scenario.measured = state, figures
        run.scenarios.append(scenario)
    (found,) = looking.results(run)
    assert (found.red, found.measured) == (True, {"x_seconds": 1.0, "y_seconds": 2.0})
