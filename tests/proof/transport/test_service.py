"""Units: testinfra's answers, and right ones where its own are wrong."""

import socket
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from jeepney import HeaderFields, Message, Parser, new_error, new_method_return
from testinfra.backend.base import CommandResult

from proof.transport.modules.service import Service
from proof.transport.rpc import units
from proof.transport.rpc.errors import UnanswerableError
from tests.proof.transport.here import LocalAsker

NO_SUCH_UNIT = "org.freedesktop.systemd1.NoSuchUnit"


@dataclass
class Unit:
    """A unit of the pretended systemd."""

    file: str = ""
    active: str = "inactive"
    load: str = "loaded"
    also: str = ""
    wanted_by: list[str] = field(default_factory=list)


UNITS = {
    "ssh.service": Unit("enabled", "active"),
    "sshd.service": Unit("alias", also="ssh.service"),
    "vendor-alias.service": Unit("alias", also="off.service"),
    "off.service": Unit("disabled"),
    "static-alone.service": Unit("static"),
    "static-wanted.service": Unit("static", wanted_by=["sysinit.target"]),
    "generated.service": Unit("generated", wanted_by=["multi-user.target"]),
    "runtime.service": Unit("enabled-runtime", "active"),
    "masked.service": Unit("masked", load="masked"),
    "masked-for-now.service": Unit("masked-runtime", load="masked"),
    "linked.service": Unit("linked"),
    "indirect.service": Unit("indirect"),
    "transient.timer": Unit("transient", "active"),
    "starting.service": Unit("enabled", "activating"),
    "reloading.service": Unit("enabled", "reloading"),
    "failed.service": Unit("enabled", "failed"),
    "wg-quick@wg0.service": Unit("enabled", "active"),
}
NAMES = {units.object_path(name): name for name in UNITS}


class Systemd:
    """Answers the calls that are made of it, on one end of a socket pair."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.connections: list[socket.socket] = []

    def logged_in(self, _: str) -> socket.socket:
        ours, theirs = socket.socketpair()
        self.connections.append(theirs)
        threading.Thread(target=self._serve, args=(theirs,), daemon=True).start()
        return ours

    def hang_up(self) -> None:
        for connection in self.connections:
            connection.shutdown(socket.SHUT_RDWR)

    def _serve(self, connection: socket.socket) -> None:
        parser = Parser()
        while data := connection.recv(4096):
            parser.add_data(data)
            while (call := parser.get_next_message()) is not None:
                connection.sendall(self._answer(call).serialise(serial=1))

    def _answer(self, call: Message) -> Message:
        method = call.header.fields[HeaderFields.member]
        self.calls.append(method)
        if method == "ListUnitsByNames":
            return new_method_return(call, "a(ssssssouso)", ([self._row(call.body[0][0])],))
        if method == "GetUnitFileState":
            state = UNITS.get(call.body[0], Unit()).file
            if not state:
                return new_error(call, NO_SUCH_UNIT, "s", ("no such unit",))
            return new_method_return(call, "s", (state,))
        name, which = NAMES.get(call.header.fields[HeaderFields.path], ""), call.body[1]
        unit = UNITS.get(name, Unit(load="not-found"))
        wanted = unit.wanted_by if which == "WantedBy" else []
        words = {"ActiveState": ("s", unit.active), "LoadState": ("s", unit.load)}
        return new_method_return(call, "v", (words.get(which, ("as", wanted)),))

    def _row(self, name: str) -> tuple[Any, ...]:
        unit = UNITS.get(name, Unit(load="not-found"))
        full = unit.also or name
        return (full, "a unit", unit.load, unit.active, "sub", "", units.object_path(full), 0, "", "/")


@pytest.fixture
def systemd(monkeypatch: pytest.MonkeyPatch) -> Iterator[Systemd]:
    pretended = Systemd()
    monkeypatch.setattr(units, "logged_in", pretended.logged_in)
    monkeypatch.setattr(units, "PRIVATE", "/dev/null")
    monkeypatch.setattr(units, "_bus", None)
    yield pretended
    pretended.hang_up()


@pytest.mark.usefixtures("systemd")
@pytest.mark.parametrize(
    ("name", "enabled"),
    [
        ("ssh", True),
        ("off", False),
        ("sshd", True),
        ("vendor-alias", False),  # testinfra: an alias is enabled, whatever it stands for
        ("static-alone", False),  # testinfra: static is enabled, though nothing starts it
        ("static-wanted", True),
        ("generated", True),
        ("runtime", False),  # testinfra: enabled, though the next boot forgets it
        ("masked", False),  # testinfra: whatever the links of System V say
        ("linked.service", False),  # testinfra: an exception
        ("indirect", False),
        ("transient.timer", False),
        ("no-such.service", False),
        ("wg-quick@wg0", True),
    ],
)
def test_enabled_means_that_the_next_boot_starts_it(name: str, enabled: bool) -> None:
    assert Service(LocalAsker(), name).is_enabled is enabled


@pytest.mark.usefixtures("systemd")
@pytest.mark.parametrize(
    ("name", "running"),
    [
        ("ssh", True),
        ("reloading", True),
        ("starting", False),
        ("failed", False),
        ("off", False),
        ("no-such", False),
    ],
)
def test_running_means_active(name: str, running: bool) -> None:
    assert Service(LocalAsker(), name).is_running is running


@pytest.mark.usefixtures("systemd")
@pytest.mark.parametrize(
    ("name", "exists"),
    [
        ("ssh", True),
        ("ss", False),  # testinfra: the beginning of any name will do
        ("wg-quick@wg0", True),  # testinfra: only the template is listed
        ("masked", True),
        ("no-such", False),
    ],
)
def test_exists_means_exactly_this_name(name: str, exists: bool) -> None:
    assert Service(LocalAsker(), name).exists is exists


def test_one_connection_for_all_and_a_new_one_after_systemd_restarted(systemd: Systemd) -> None:
    service = Service(LocalAsker(), "ssh")
    assert service.is_running
    assert service.file_state == "enabled"
    assert service.state["id"] == "ssh.service"
    assert len(systemd.connections) == 1
    systemd.hang_up()
    assert service.is_running
    assert len(systemd.connections) == 2


def test_no_systemd_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: str) -> socket.socket:
        raise ConnectionRefusedError(111, "refused")

    monkeypatch.setattr(units, "logged_in", refuse)
    monkeypatch.setattr(units, "_bus", None)
    with pytest.raises(UnanswerableError, match="systemd does not answer"):
        _ = Service(LocalAsker(), "ssh").is_running


@pytest.mark.parametrize(("answer", "error"), [(b"REJECTED EXTERNAL\r\n", PermissionError), (b"", ConnectionError)])
def test_authentication_refused(tmp_path: Path, answer: bytes, error: type[Exception]) -> None:
    path = str(tmp_path / "bus")
    with socket.create_server(path, family=socket.AF_UNIX) as server:

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                assert connection.recv(100).endswith(b"\r\nBEGIN\r\n")
                connection.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        with pytest.raises(error):
            units.logged_in(path)
        thread.join()


@pytest.mark.parametrize(
    ("name", "full"),
    [
        ("ssh", "ssh.service"),
        ("ssh.socket", "ssh.socket"),
        ("a.b", "a.b.service"),
        ("service", "service.service"),
        ("/", "-.mount"),
        ("/var/mail", "var-mail.mount"),
        ("/mnt/a-b", "mnt-a\\x2db.mount"),
        ("/dev/sda", "dev-sda.device"),
    ],
)
def test_names_are_completed_as_systemctl_does(name: str, full: str) -> None:
    assert units.unit_name(name) == full


def test_path_of_a_unit() -> None:
    assert units.object_path("wg-quick@wg0.service").endswith("/unit/wg_2dquick_40wg0_2eservice")
    assert units.object_path("0a.mount").endswith("/unit/_30a_2emount")


class Answering(LocalAsker):
    """Gives one answer to every command."""

    def __init__(self, status: int, stdout: str) -> None:
        super().__init__()
        self.commands: list[tuple[str, ...]] = []
        self._result = subprocess.CompletedProcess("", status, stdout, "")

    def run(self, command: str, *args: str) -> CommandResult:
        self.commands.append((command, *args))
        done = self._result
        return CommandResult(self._backend, done.returncode, b"", done.stdout, done.stderr)
