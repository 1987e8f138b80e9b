"""The operator's whole path without the money: the server is ordered from a stand-in of Vultr, and is a bare lab VM.

terraform/deploy.sh orders it and writes its addresses, site.yml provisions it over SSH as the image comes, and then it
can be accepted as target vultr. Nothing of the operator's is used, and no packet leaves the machine.
"""

import json
import secrets
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from lab import inventory, provisioning, starting_states
from lab.errors import LabError
from lab.paths import PROVISION, ROOT, TERRAFORM
from lab.progress import step
from lab.starting_states import FIRST_PASSWORD, State
from proof.deployment import sandbox, terraform
from proof.deployment.sandbox import Deployment
from proof.hosts import target as targets
from proof.hosts.recorded_lab import LabControl
from proof.hosts.target import Target
from proof.rehearsal import stand_in
from proof.vultr.account import Account, Offer
from proof.whole_host.declarations import VARIABLE

SITE = "site.yml"
PROVISION_SECONDS = 3600.0


def require_terraform() -> None:
    """Raise LabError if this machine cannot order anything."""
    if reason := terraform.why_not():
        raise LabError(f"No server can be ordered: {reason}.", "terraform/README.md says what is needed")


def make(
    lab: LabControl, evidence: Path, states: Sequence[State] = (), folder: Path = stand_in.FOLDER, root: Path = ROOT
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
    described = targets.load(targets.LAB, root)
    variables = described.variables
    stand_in.lay_out(folder, root, without=stand_in.ADDRESSES)
    terraform.lay_out(folder, TERRAFORM)
    address, address6 = (str(variables[name]) for name in stand_in.ADDRESSES)
    key = Path(targets.resolve(str(variables["admin_public_key_file"]), root))
    with sandbox.beside(folder, Account(Offer(address, address6))) as deployed:
        deployed.write_settings(ssh_public_key_file=str(key))
        with step("Order the server with terraform/deploy.sh", expected=20):
            _deploy(deployed, evidence)
        _must_hold(deployed, key)
    password = secrets.token_urlsafe()
    with step(f"Start as {', '.join(state.name for state in states) or 'the lab does'}", expected=20):
        starting_states.put(lab.exec, states, {**inventory.variables(), FIRST_PASSWORD: password})
    declare(states, folder)
    stand_in.confirm_host_key(lab, folder)
    asked = any(state.name == FIRST_PASSWORD for state in states)
    _provision(evidence / "provision.log", folder, password if asked else "")
    return targets.load(stand_in.TARGET, folder)


def declare(states: Sequence[State], folder: Path) -> None:
    """Write into the inventory what the operator who finds these states does: variables, and what remains of them."""
    until = (datetime.now(UTC) + timedelta(days=1)).date().isoformat()
    remains = [{**each, "author": state.name, "until": until} for state in states for each in state.remains]
    variables = {name: value for state in states for name, value in state.variables.items()}
    path = folder / "provision" / "inventory" / "group_vars" / "production" / "starts_as.yml"
    path.write_text(json.dumps({**variables, VARIABLE: remains}, indent=1))


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


def _provision(log: Path, folder: Path, password: str) -> None:
    with step("Provision the server with site.yml", expected=900):
        play = provisioning.apply(
            [PROVISION / SITE],
            stand_in.TARGET,
            log,
            timeout=PROVISION_SECONDS,
            folder=folder,
            first_password=password,
        )
    provisioning.require_success(play, "The new server could not be provisioned", log)
    print(f"Provisioned over SSH: {play.ok} ok, {play.changed} changed.", flush=True)
