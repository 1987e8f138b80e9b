import json
import sys
from pathlib import Path
from typing import Any

import pytest

from lab import libvirt as domain
from lab import libvirt_worker
from lab.errors import LabError
from lab.json_socket import Disconnected
from lab.libvirt import DomainAgent, LibvirtSession

SERVER = """
import json, sys
for line in sys.stdin:
    asked = json.loads(line)
    answers = {
        "state": {"return": "running"},
        "reset": {"error": "domain is not running", "silent": True},
        "end": {"error": "permission denied", "silent": False},
        "agent": {"return": json.dumps({"return": [asked.get("command"), asked.get("timeout")]})},
    }
    if asked["do"] == "resume":
        sys.exit(1)
    print(json.dumps(answers[asked["do"]]), flush=True)
"""


@pytest.fixture
def session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LibvirtSession:
    program = tmp_path / "server.py"
    program.write_text(SERVER)
    monkeypatch.setattr(domain, "PYTHON", sys.executable)
    monkeypatch.setattr(libvirt_worker, "__file__", str(program))
    return LibvirtSession()


def test_one_program_answers_all_questions(session: LibvirtSession) -> None:
    assert [session.ask("uuid", "state") for _ in range(2)] == ["running", "running"]


def test_a_machine_that_is_off_and_a_refusal_are_two_kinds_of_error(session: LibvirtSession) -> None:
    with pytest.raises(Disconnected, match="domain is not running"):
        session.ask("uuid", "reset")
    with pytest.raises(LabError, match="permission denied") as raised:
        session.ask("uuid", "end")
    assert not isinstance(raised.value, Disconnected)


def test_a_program_that_ended_is_started_again(session: LibvirtSession) -> None:
    with pytest.raises(LabError, match="libvirt cannot be asked") as raised:
        session.ask("uuid", "resume")
    assert "python3-libvirt" in raised.value.hint
    assert session.ask("uuid", "state") == "running"


def test_the_guest_agent_is_asked_through_libvirt(session: LibvirtSession) -> None:
    asked = {"execute": "guest-ping", "arguments": {}}
    assert DomainAgent(session, "uuid")(asked, 0.1) == {"return": [json.dumps(asked), 1]}


class FakeDomain:
    def __init__(self, state: int) -> None:
        self._state = state

    def state(self) -> list[int]:
        return [self._state, 1]

    def __getattr__(self, name: str) -> Any:
        return lambda: f"{name} done"


@pytest.mark.parametrize(("number", "named"), [(1, "running"), (3, "paused"), (5, "off")])
def test_states_have_three_names(monkeypatch: pytest.MonkeyPatch, number: int, named: str) -> None:
    libvirt: Any = type(sys)("libvirt")
    libvirt.VIR_DOMAIN_RUNNING, libvirt.VIR_DOMAIN_PAUSED = 1, 3
    agent: Any = type(sys)("libvirt_qemu")
    agent.qemuAgentCommand = lambda _, command, timeout, __: f"{command} in {timeout}"
    monkeypatch.setitem(sys.modules, "libvirt", libvirt)
    monkeypatch.setitem(sys.modules, "libvirt_qemu", agent)
    connection: Any = type("Connection", (), {"lookupByUUIDString": lambda _, __: FakeDomain(number)})()
    assert libvirt_worker.answer(connection, {"domain": "uuid", "do": "state"}) == named
    assert libvirt_worker.answer(connection, {"domain": "uuid", "do": "suspend"}) == "suspend done"
    asked = {"domain": "uuid", "do": "agent", "command": "ping", "timeout": 3}
    assert libvirt_worker.answer(connection, asked) == "ping in 3"
