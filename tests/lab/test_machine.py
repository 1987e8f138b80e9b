from itertools import pairwise
from pathlib import Path

import pytest

from lab import machine
from lab.accelerator import Accelerator
from lab.box import Box
from lab.machine import Files, Memory

PORTS = {"hub": 40001, "vpn": 40002, "public": 40003, "fresh": 40004}


def command(node: str, *, memory: Memory = "new", root: Path = Path("/lab")) -> list[str]:
    files = Files(root / "disks" / f"{node}.qcow2", root / f"{node}.ram", root / f"{node}.log", root / "run", node)
    tcg = Accelerator("tcg", "")
    return machine.command(files, Box("key", Path("/box")), tcg, PORTS, "reconnect-ms=200", memory)


def values(arguments: list[str], option: str) -> list[str]:
    return [value for name, value in pairwise(arguments) if name == option]


def networks(node: str) -> list[str]:
    return values(command(node), "-netdev")


def test_mail_has_one_card_and_it_is_on_the_segment() -> None:
    assert [network.split(",")[0] for network in networks("mail")] == ["stream"]
    assert [device for device in values(command("mail"), "-device") if "net" in device] == [
        f"virtio-net-pci,netdev=segment,mac={machine.SEGMENT_MAC['mail']},romfile="
    ]


@pytest.mark.parametrize("node", ["mail", "hub"])
def test_every_network_of_a_user_is_restricted_to_forwards_from_loopback(node: str) -> None:
    """Whatever a guest sends to an address outside must end here."""
    for network in networks(node):
        options = network.split(",")
        if options[0] != "user":
            assert options[0] == "stream"
            assert "addr.type=unix" in options
            continue
        assert "restrict=on" in options
        assert "ipv6=off" in options
        forwards = [option for option in options if option.startswith(("hostfwd=", "guestfwd="))]
        assert len(forwards) == len(PORTS)
        assert all(forward.startswith("hostfwd=tcp:127.0.0.1:") for forward in forwards)


def test_only_the_hub_has_a_way_for_the_runner() -> None:
    assert [network.split(",")[0] for network in networks("hub")] == ["stream", "user"]
    for name, port in PORTS.items():
        assert f"hostfwd=tcp:127.0.0.1:{port}-:{machine.HUB_PORTS[name]}" in networks("hub")[1]


@pytest.mark.parametrize("node", ["mail", "hub"])
def test_nothing_else_is_offered_to_the_outside(node: str) -> None:
    arguments = command(node)
    assert "-nodefaults" in arguments
    assert not {"-vnc", "-spice", "-gdb", "-s", "-nic", "-net", "-monitor"} & set(arguments)
    assert all("path=" in chardev for chardev in values(arguments, "-chardev"))
    assert values(arguments, "-qmp") == [f"unix:/lab/run/{node}.qmp,server=on,wait=off"]


def test_the_hub_listens_on_the_segment_and_mail_comes_back_to_it() -> None:
    assert "server=on" in networks("hub")[0]
    assert "server=off,reconnect-ms=200" in networks("mail")[0]


def test_a_memory_to_come_is_waited_for() -> None:
    assert command("mail", memory="shared")[-3:] == ["-S", "-incoming", "defer"]
    assert command("mail", memory="private")[-3:] == ["-S", "-incoming", "defer"]
    assert "-incoming" not in command("mail")


def test_after_a_reset_nothing_is_written_into_the_memory_that_it_returns_to() -> None:
    (kept,) = values(command("mail", memory="shared"), "-object")
    (private,) = values(command("mail", memory="private"), "-object")
    assert kept == "memory-backend-file,id=pc.ram,size=3072M,mem-path=/lab/mail.ram,share=on"
    assert private == kept.replace("share=on", "share=off,readonly=on,rom=off")


def test_a_comma_in_a_path_stays_in_the_path() -> None:
    arguments = command("mail", root=Path("/a,b c"))
    assert values(arguments, "-drive")[0].startswith("if=none,id=disk,file=/a,,b c/disks/mail.qcow2,format=")
    assert values(arguments, "-qmp")[0].startswith("unix:/a,,b c/run/mail.qmp,")
    assert all("/a,b" not in value for option in ("-chardev", "-netdev") for value in values(arguments, option))
    assert values(arguments, "-pidfile") == ["/a,b c/run/mail.pid"]


def test_what_a_stored_memory_depends_on() -> None:
    kvm, tcg = Accelerator("kvm", "booted"), Accelerator("tcg", "slow")
    assert machine.identity(kvm) != machine.identity(tcg)
    assert machine.identity(tcg) == machine.identity(Accelerator("tcg", "told by the person"))
