"""Faults during a deployment, by their names in the features."""

import os
import signal
import subprocess
from collections.abc import Callable, Mapping
from contextlib import suppress

from lab.waiting import wait_until
from proof.deployment.sandbox import Deployment
from proof.process import Finished
from proof.vultr.api import Fault

ORDER = "POST /v2/instances$"
RULE = "POST /v2/firewalls/.*/rules$"
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
    deployment.api.account.slow = True
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
    deployment.terraform("init", "-input=false")
    child = deployment.begin("terraform", "apply", "-auto-approve", "-input=false", "-no-color")
    with child:
        try:
            wait_until(lambda: ordered(deployment), "the order of a server", BEGIN_SECONDS)
        finally:
            os.killpg(child.pid, signal.SIGKILL)


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
    "the answer to the order gets lost": _with(Fault(500, on=ORDER, times=1, done=True)),
}


def over(deployment: Deployment) -> None:
    """Nothing goes wrong any more."""
    deployment.api.faults = []
    deployment.api.account.slow = False
