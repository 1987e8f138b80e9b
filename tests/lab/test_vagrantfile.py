"""What Vagrant asks of VirtualBox: its own provider runs, with a VBoxManage that notes commands and starts nothing."""

import json
import os
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest

from lab import machine, vagrant_box
from lab.box import Box
from lab.identity import Identity, WireGuardKeys
from lab.nodes import NODES
from lab.paths import ROOT

pytestmark = pytest.mark.skipif(not shutil.which("vagrant"), reason="vagrant is not installed (make prepare-vagrant)")

# Answers what the provider asks before it starts a machine; the start fails.
VBOXMANAGE = """\
#!/bin/sh
printf '%s\\n' "$*" >>"$NOTES"
case "$1 $2" in
    "--version "*) echo 7.0.20r163906 ;;
    "import -n") echo ' 1: Suggested VM name "machine"' ;;
    "import "*) echo "$6" >"$NOTES.name" ;;
    "list systemproperties") echo "Default machine folder: $NOTES.folder" ;;
    "list vms") echo "\\"$(cat "$NOTES.name")\\" {an-id}" ;;
    "showvminfo "*) echo "VMState=\\"poweroff\\"
nic1=\\"nat\\"" ;;
    "startvm "*) echo refused >&2; exit 1 ;;
esac
"""


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, dict[str, list[str]]]:
    """Node -> option of `modifyvm`, as it was last, or all of it for a forward -> its values."""
    monkeypatch.setenv("MAIL_LAB_CACHE", str(tmp_path / "cache"))
    identity = Identity(tmp_path / "key", WireGuardKeys("", ""), WireGuardKeys("", ""))
    identity.ssh_key.touch()
    identity.ssh_key.with_suffix(".pub").write_text("ssh-ed25519 AAAA\n")
    vagrant_box.home().mkdir(parents=True)
    (vagrant_box.home() / vagrant_box.SETTINGS).write_text(vagrant_box.settings(Box("key", tmp_path), identity))
    program = tmp_path / "bin" / "VBoxManage"
    program.parent.mkdir()
    program.write_text(VBOXMANAGE)
    program.chmod(0o755)
    (tmp_path / "metadata.json").write_text(json.dumps({"provider": vagrant_box.VIRTUALBOX}))
    (tmp_path / "box.ovf").touch()
    found = {}
    for node in NODES:
        with tarfile.open(vagrant_box.box_file(node, vagrant_box.VIRTUALBOX), "w") as archive:
            for name in ("metadata.json", "box.ovf"):
                archive.add(tmp_path / name, name)
        notes = tmp_path / f"{node}.notes"
        environment = {
            **os.environ,
            "PATH": f"{program.parent}:{os.environ['PATH']}",
            "NOTES": str(notes),
            "VAGRANT_HOME": str(tmp_path / "vagrant"),
            "VAGRANT_DOTFILE_PATH": str(tmp_path / "dot"),
            "VAGRANT_CHECKPOINT_DISABLE": "1",
        }
        command = ["vagrant", "up", "--provider=virtualbox", node]
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
        assert "refused" in done.stderr, done.stdout + done.stderr
        found[node] = options(notes.read_text())
    return found


def options(notes: str) -> dict[str, list[str]]:
    """Options of every modifyvm: the last value of each, and all forwards."""
    found: dict[str, list[str]] = {"natpf": []}
    for line in notes.splitlines():
        if line.startswith("modifyvm "):
            for option in line.split(" --")[1:]:
                name, *values = option.split()
                if name.startswith("natpf"):
                    found["natpf"] += values
                else:
                    found[name] = values
    return found


def test_only_the_hub_has_a_card_that_leads_out_and_is_reached_on_loopback(
    asked: dict[str, dict[str, list[str]]],
) -> None:
    cards = {
        node: {name: values[0] for name, values in having.items() if name.startswith("nic") and name[3:].isdigit()}
        for node, having in asked.items()
    }
    none = {f"nic{number}": "none" for number in range(3, 9)}
    assert cards == {
        "mail": {"nic1": "intnet", "nic2": "none", **none},
        "hub": {"nic1": "nat", "nic2": "intnet", **none},
    }
    assert asked["mail"]["intnet1"] == asked["hub"]["intnet2"]
    assert asked["mail"]["natpf"] == []
    forwards = [rule.split(",")[2:] for rule in asked["hub"]["natpf"]]
    assert {host for host, *_ in forwards} == {"127.0.0.1"}
    assert {to for *_, to in forwards} == {str(port) for port in machine.HUB_PORTS.values()}
    macs = (asked["mail"]["macaddress1"], asked["hub"]["macaddress2"], asked["hub"]["macaddress1"])
    wanted = (machine.SEGMENT_MAC["mail"], machine.SEGMENT_MAC["hub"], machine.RUNNER_MAC)
    assert macs == tuple([mac.replace(":", "")] for mac in wanted)
