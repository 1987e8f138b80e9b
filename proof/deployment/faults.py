"""Faults during a deployment, by their names in the features."""

import math
import os
import signal
import subprocess
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from lab.waiting import wait_until
from proof.deployment import sandbox
from proof.deployment.sandbox import Deployment
from proof.process import Finished
from proof.vultr.account import Habits
from proof.vultr.api import Fault

ORDER = "POST /v2/instances$"
RULE = "POST /v2/firewalls/.*/rules$"
SCHEDULE = "POST /v2/instances/.*/backup-schedule$"
LOCKED = "Unable to set backup schedule: Server is currently locked"
BEGIN_SECONDS = 120.0
SILENCE = ("--timeout", "8")  # longer than Terraform takes for what it does alone
PATIENCE = ("--timeout", "45")  # the provider looks for the first time after 10 s; a busy machine plans for long


def _with(*faults: Fault, options: tuple[str, ...] = ()) -> Callable[[Deployment], Finished]:
    def deploy(deployment: Deployment) -> Finished:
        deployment.api.faults = list(faults)
        return deployment.deploy(*options)

    return deploy


def never_active(deployment: Deployment) -> Finished:
    """The server stays as it is after the order, until `over`."""
    deployment.api.account.habits.pending_looks = math.inf
    return deployment.deploy(*PATIENCE)


def ordered(deployment: Deployment) -> bool:
    """Whether the order of a server has come in."""
    return any(call.method == "POST" and call.path == "/v2/instances" for call in deployment.api.calls)


def interrupted(deployment: Deployment) -> Finished:
    """A Ctrl-C, twice, as soon as the server is ordered."""
    child = deployment.begin(str(deployment.terraform_folder / "deploy.sh"))
    with child:
        try:
            wait_until(lambda: ordered(deployment), "the order of a server", BEGIN_SECONDS)
            for _ in range(2):
                os.killpg(child.pid, signal.SIGINT)
            status = child.wait(BEGIN_SECONDS)
        except subprocess.TimeoutExpired as error:
            raise AssertionError(
                f"deploy.sh goes on {BEGIN_SECONDS:.0f} s after it was interrupted:\n{deployment.said()}"
            ) from error
        finally:
            with suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
    return Finished(status, "", deployment.said(), 0, timed_out=False)


def interrupted_amid_rules(deployment: Deployment) -> Finished:
    """The same, while one rule has been made that no one was told of."""
    deployment.api.faults = [Fault(None, on=RULE, times=1, done=True)]
    return interrupted(deployment)


def died(deployment: Deployment) -> None:
    """The power fails as soon as the server is ordered: neither Terraform nor the provider can write anything."""
    child = deployment.begin(str(deployment.terraform_folder / "deploy.sh"))
    with child:
        try:
            wait_until(lambda: ordered(deployment), "the order of a server", BEGIN_SECONDS)
        finally:
            for pid in of_session(child.pid):
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)


def of_session(leader: int) -> list[int]:
    """Every process of a session, in whatever process group."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            if int(path.read_text().rpartition(")")[2].split()[3]) == leader:
                found.append(int(path.parent.name))
    return found


def colleague_deploys(deployment: Deployment) -> Finished:
    """A second operator, with a folder of her own, deploys while the first one's server is made."""
    child = deployment.begin(str(deployment.terraform_folder / "deploy.sh"))
    with child:
        wait_until(lambda: ordered(deployment), "the order of a server", BEGIN_SECONDS)
        done = sandbox.colleague(deployment).deploy()
        status = child.wait(BEGIN_SECONDS)
    assert status == 0, f"the first operator's deploy.sh ended with {status}:\n{deployment.said()}"
    return done


def state_lost(deployment: Deployment) -> Finished:
    """The folder's state is gone, with all that it linked to the server."""
    for path in deployment.terraform_folder.glob("*.tfstate*"):
        path.unlink()
    return deployment.deploy()


def habit(**other: Any) -> Callable[[Deployment], Finished]:  # noqa: ANN401 - fields of Habits
    """Vultr behaves in another way until `over`."""

    def deploy(deployment: Deployment) -> Finished:
        deployment.api.account.habits = replace(Habits(), **other)
        return deployment.deploy()

    return deploy


FAULTS: Mapping[str, Callable[[Deployment], Finished]] = {
    "no API key is set": lambda deployment: deployment.deploy(key=""),
    "the API key is wrong": lambda deployment: deployment.deploy(key="not-the-key"),
    "Vultr counts too many requests": _with(Fault(429, retry_after=1)),
    "Vultr counts too many requests for a moment": _with(Fault(429, retry_after=1, times=2)),
    "Vultr's API fails": _with(Fault(500)),
    "Vultr's API does not answer": _with(Fault(None), options=SILENCE),
    "Vultr fails before all is ordered": _with(Fault(500, on=RULE)),
    "the server does not become active": never_active,
    "the operator interrupts": interrupted,
    "the operator interrupts, and the answer to a rule gets lost": interrupted_amid_rules,
    "its state is lost": state_lost,
    "a colleague deploys at the same time": colleague_deploys,
    "look-ups do not know the new server for a while": habit(hidden_seconds=30.0),
    "the new server is locked for a moment": _with(Fault(500, on=SCHEDULE, times=2, words=LOCKED)),
    "the provider can no longer read a server": habit(ended=("vpc2", "vpcs")),
    "the answer to the order gets lost": _with(Fault(500, on=ORDER, times=1, done=True)),
}


def over(deployment: Deployment) -> None:
    """Nothing goes wrong any more."""
    deployment.api.faults = []
    deployment.api.account.habits = Habits()
