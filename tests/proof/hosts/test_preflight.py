"""No packet leaves this machine here: what would dial is a program that only speaks."""

import socket
from pathlib import Path

import pytest

from lab.errors import LabError
from proof.evidence.recorder import Recorder
from proof.evidence.run_folder import RunFolder
from proof.hosts import preflight
from proof.hosts.connections import Connections, connection_spec, has, operator_places
from proof.hosts.target import Target

VARIABLES = {"admin_user": "someone", "ssh_port": 2288, "vpn_address": "10.100.0.25", "vpn_network": "10.100.0.0/24"}
CHANGED = """\
@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@
@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @
@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@
Host key verification failed."""


def host(tmp_path: Path, config: str, **more: object) -> Target:
    (tmp_path / "ssh_config").write_text(config)
    return Target("vultr", {**VARIABLES, **more}, tmp_path / "ssh_config", resettable=False)


def speaking(tmp_path: Path, words: str) -> str:
    """Settings of ssh whose way anywhere ends with these words."""
    (tmp_path / "words").write_text(f"{words}\n")
    return f'Host *\n  ProxyCommand sh -c "cat {tmp_path}/words >&2; exit 1"\n'


def look(tmp_path: Path, target: Target) -> None:
    connections = Connections(target, Recorder(RunFolder.at(tmp_path / "run")))
    try:
        preflight.look(target, connections)
    finally:
        connections.close()


def test_without_the_vpn_nothing_is_dialled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preflight, "source_towards", lambda _: "192.168.1.7")
    monkeypatch.setattr(Connections, "current", lambda *_: pytest.fail("it dialled"))
    with pytest.raises(LabError, match=r"not up: packets for 10.100.0.25 would leave from 192.168.1.7") as caught:
        look(tmp_path, host(tmp_path, ""))
    assert "wg-quick up" in caught.value.hint


def test_a_missing_route_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preflight, "source_towards", lambda _: "")
    with pytest.raises(LabError, match="it has no route to that address"):
        look(tmp_path, host(tmp_path, ""))


@pytest.mark.parametrize("config", ["", "Host 10.100.0.25\n  HostName mail.example\n"])
def test_who_is_in_the_vpn_or_gave_a_name_may_dial(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, config: str
) -> None:
    dialled = []

    class Answering:
        def greeting(self) -> None:
            dialled.append("mail")

    monkeypatch.setattr(preflight, "source_towards", lambda _: "10.100.0.10")
    monkeypatch.setattr(Connections, "current", lambda *_: Answering())
    look(tmp_path, host(tmp_path, config))
    assert dialled == ["mail"]


@pytest.mark.parametrize(
    ("words", "told", "hint"),
    [
        (CHANGED, "WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!", "find out why"),
        (
            "a banner\nsomeone@h: Permission denied (publickey).\n",
            "someone@h: Permission denied (publickey).",
            "ssh-add",
        ),
        ("ssh: connect to host h port 2288: Connection refused", "Connection refused", "check sshd"),
        ("ssh: connect to host h port 2288: Connection timed out", "Connection timed out", "firewall"),
        ("sudo: a password is required", "sudo: a password is required", "task 1.2.1"),
    ],
)
def test_each_failed_login_is_reported_in_one_line_with_a_hint(
    tmp_path: Path, words: str, told: str, hint: str
) -> None:
    with pytest.raises(LabError) as caught:
        look(tmp_path, host(tmp_path, speaking(tmp_path, words)))
    assert caught.value.what.startswith("mail (someone@10.100.0.25:2288) cannot be reached: ")
    assert caught.value.what.endswith(told)
    assert "\n" not in caught.value.what
    assert hint in caught.value.hint
    assert f"ssh -F {tmp_path}/ssh_config -o HostKeyAlias=vultr -p 2288 someone@10.100.0.25" in caught.value.hint


def test_settings_that_ssh_refuses_are_reported(tmp_path: Path) -> None:
    with pytest.raises(LabError, match=r"ssh cannot use its settings: .*nonsense"):
        look(tmp_path, host(tmp_path, "Nonsense yes\n"))


def test_an_operators_machine_that_does_not_answer_may_be_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = host(tmp_path, speaking(tmp_path, "Connection refused"), outsider_host="cafe")
    current = Connections.current

    class Answering:
        def greeting(self) -> None: ...

    monkeypatch.setattr(
        Connections, "current", lambda self, name: Answering() if name == "mail" else current(self, name)
    )
    with pytest.raises(LabError, match=r"outsider \(cafe\) cannot be reached: Connection refused") as caught:
        look(tmp_path, target)
    assert "take outsider_host out of the inventory of vultr" in caught.value.hint


def test_places_are_those_that_the_inventory_names() -> None:
    alone = Target("vultr", VARIABLES, None, resettable=False)
    assert [name for name in ("mail", "hub", "outsider", "intruder") if has(alone, name)] == ["mail"]
    named = Target("vultr", {**VARIABLES, "hub_host": "wg", "outsider_host": "cafe"}, None, resettable=False)
    assert operator_places(named) == ["hub", "outsider"]
    way = connection_spec(named, "outsider")
    assert (way.user, way.address, way.port, way.sudo) == ("", "cafe", None, True)
    lab = Target("lab", VARIABLES, None, resettable=True)
    assert has(lab, "intruder")
    assert operator_places(lab) == []


def test_the_way_is_reported_without_a_packet() -> None:
    assert preflight.source_towards("127.0.0.1") == "127.0.0.1"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as heard:
        heard.bind(("127.0.0.1", 0))
        heard.settimeout(0.2)
        preflight.source_towards("127.0.0.1")
        with pytest.raises(TimeoutError):
            heard.recv(1)
    assert preflight.inside("10.100.0.9", "10.100.0.0/24")
    assert not preflight.inside("mail.example", "10.100.0.0/24")
