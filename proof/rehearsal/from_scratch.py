"""The operator's whole path without the money: the server is ordered from a stand-in of Vultr, and is a bare lab VM.

terraform/deploy.sh orders it and writes its addresses, site.yml provisions it over SSH as the image comes, and then it
can be accepted as target vultr. Nothing of the operator's is used, and no packet leaves the machine.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import yaml

from lab import provisioning
from lab.errors import LabError
from lab.paths import PROVISION, ROOT, TERRAFORM
from lab.progress import step
from proof.deployment import sandbox, terraform
from proof.deployment.sandbox import Deployment
from proof.hosts import target as targets
from proof.hosts.connections import MAIL
from proof.hosts.recorded_lab import LabControl
from proof.hosts.target import Target
from proof.rehearsal import stand_in
from proof.vultr.account import Account, Offer

SITE = "site.yml"
STATE_SECONDS = 120.0
PROVISION_SECONDS = 3600.0


def require_terraform() -> None:
    """Raise LabError if this machine cannot order anything."""
    if reason := terraform.why_not():
        raise LabError(f"No server can be ordered: {reason}.", "terraform/README.md says what is needed")


def starting_states() -> Mapping[str, str]:
    """Name to script of each way in which a fresh server may differ from the lab's bare one."""
    known = yaml.safe_load(Path(__file__).with_name("starting_states.yml").read_text(encoding="utf-8"))
    return {name: state["run"] for name, state in known.items()}


def begin_as(lab: LabControl, states: Sequence[str]) -> None:
    """Put the bare mail into these states, one after the other. Raises LabError."""
    for name in states:
        done = lab.exec(MAIL, ["sh", "-eu", "-s"], stdin=starting_states()[name].encode(), timeout=STATE_SECONDS)
        if done.exit_status != 0:
            raise LabError(f"mail could not be made to start as {name}: {done.stderr.decode(errors='replace').strip()}")


def make(
    lab: LabControl, evidence: Path, states: Sequence[str] = (), folder: Path = stand_in.FOLDER, root: Path = ROOT
) -> Target:
    """Order the server and provision it; the lab is up as bare, and its mail is what the order gets.

    Args:
        lab: the lab; its console shows the fingerprint of the new server.
        states: ways in which the fresh server differs from the lab's bare one.
        evidence: folder for what deploy.sh and Ansible say.
        folder: made again; the project as the operator has it.
        root: the project.

    Returns:
        The provisioned server as target vultr.

    Raises:
        LabError: a command failed, or the server is not the one that was ordered.
    """
    variables = targets.load(targets.LAB, root).variables
    stand_in.lay_out(folder, root, without=stand_in.ADDRESSES)
    terraform.lay_out(folder, TERRAFORM)
    address, address6 = (str(variables[name]) for name in stand_in.ADDRESSES)
    key = Path(targets.resolve(str(variables["admin_public_key_file"]), root))
    with sandbox.beside(folder, Account(Offer(address, address6))) as deployed:
        deployed.write_settings(ssh_public_key_file=str(key))
        with step("Order the server with terraform/deploy.sh", expected=20):
            _deploy(deployed, evidence)
        _must_hold(deployed, key)
    begin_as(lab, states)
    stand_in.confirm_host_key(lab, folder)
    _provision(evidence / "provision.log", folder)
    return targets.load(stand_in.TARGET, folder)


def _deploy(deployed: Deployment, evidence: Path) -> None:
    done = deployed.deploy()
    evidence.joinpath("deploy.txt").write_text(done.stdout + done.stderr)
    if done.exit_status != 0:
        raise LabError(f"deploy.sh ended with {done.exit_status}: {done.stderr.strip()}")


def _must_hold(deployed: Deployment, key: Path) -> None:
    """The lab's mail stands in for the server only if it has what was ordered: this key lets its owner in."""
    ordered = [each["ssh_key"].split()[:2] for each in deployed.api.account.keys.values()]
    if ordered != [key.read_text().split()[:2]]:
        raise LabError("The server was ordered with another key than the one that opens the lab's mail.")


def _provision(log: Path, folder: Path) -> None:
    with step("Provision the server with site.yml", expected=900):
        play = provisioning.apply([PROVISION / SITE], stand_in.TARGET, log, timeout=PROVISION_SECONDS, folder=folder)
    provisioning.require_success(play, "The new server could not be provisioned", log)
    print(f"Provisioned over SSH: {play.ok} ok, {play.changed} changed.", flush=True)
