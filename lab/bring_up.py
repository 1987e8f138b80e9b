"""From layers to a running lab: the longest prefix there is is restored, the rest is provisioned and kept."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from lab import bare, inventory, layers, logins, provisioning, ssh_access, stages, starting_states
from lab.errors import LabError
from lab.identity import Identity
from lab.layers import Layer
from lab.nodes import NODES
from lab.parallel import on_both
from lab.paths import STATE
from lab.progress import step
from lab.provider import Provider
from lab.stages import Stage


@dataclass(frozen=True)
class BringUp:
    """The VMs of a checkout, and what they are set up with: the lab's keys and its inventory."""

    provider: Provider
    identity: Identity
    values: Mapping[str, str]

    def plan(self) -> list[Stage]:
        """Every stage of provisioning, each with the key of all that its state is made from."""
        basis = (self.provider.box.key, self.provider.identity, self.identity.fingerprint)
        set_up = Path(bare.__file__).read_text()
        bare_lab = repr((*basis, set_up, stages.named([set_up], self.values)))
        start = repr([script for _, *script in starting_states.scripts(starting_states.likeliest(), self.values)])
        return stages.plan(bare_lab, start, inventory.everything())

    def to(self, wanted: list[Stage]) -> Layer:
        """Bring both VMs to the last of these stages, as the point that a reset returns to.

        Raises:
            provisioning.Failed: a playbook failed; the VMs stay, for a look at what it left.
            LabError: the machine cannot run the lab; the VMs are ended.
        """
        ready = layers.longest_prefix(wanted, self.provider.find)
        try:
            if len(ready) < len(wanted):
                layer = self._restore(ready[-1], self.provider.start) if ready else self._make_bare(wanted[0])
                for stage in wanted[max(len(ready), 1) :]:
                    layer = self._apply(stage, layer)
            else:
                layer = ready[-1]
            return self._restore(layer, self.provider.hold)
        except provisioning.Failed:
            raise
        except BaseException:
            self.provider.stop()
            raise

    def _restore(self, layer: Layer, start: Callable[[Layer], None]) -> Layer:
        """Start from a layer, in the provider's way to go on from it or to hold it."""
        with step(f"Restore the lab as of {layer.task}", expected=3, key="restore a layer"):
            start(layer)
        self._write_ways()
        return layer

    def _make_bare(self, stage: Stage) -> Layer:
        started = time.monotonic()
        layers.require_room()
        with step(f"Boot both VMs ({self.provider.accelerator.name})", expected=70):
            self.provider.start(None)
        with step("Set up the bare lab", expected=30):
            self.provider.set_up(self.identity, self.values)
        return self._keep(stage, None, time.monotonic() - started)

    def _apply(self, stage: Stage, parent: Layer) -> Layer:
        started = time.monotonic()
        if stage.playbook is None:
            with step("Make it the fresh server that a provider hands out", expected=10):
                starting_states.put(self.provider.run, starting_states.likeliest(), self.values)
        else:
            self._provision(stage.task, stage.playbook)
        return self._keep(stage, parent, time.monotonic() - started)

    def _provision(self, task: str, playbook: Path) -> None:
        log = STATE / "logs" / f"provision-{task}.log"
        with step(f"Provision {task}", expected=45):
            play = provisioning.apply([playbook], "lab", log)
        provisioning.require_success(play, f"Provisioning of {task} failed", log)

    def _keep(self, stage: Stage, parent: Layer | None, seconds: float) -> Layer:
        keys = [each.key for each in self.plan()]
        if stage.key not in keys:
            raise LabError(f"What {stage.task} is made from was changed while it was applied.", "lab up")
        with step(f"Store the state after {stage.task}", expected=3, key="store a layer"):
            on_both(lambda node: logins.end(self.provider.run, node))
            if stage.key != keys[-1]:  # the last one stays warm: every reset starts from it
                self.provider.release_memory()
            layer = self.provider.keep(stage, parent, seconds)
        self._write_ways()
        return layer

    def _write_ways(self) -> None:
        script = ["sh", "-c", "cat /etc/ssh/ssh_host_*_key.pub"]
        keys = {node: bare.expect(self.provider.run, node, *script) for node in NODES}
        ssh_access.write(self.identity, self.provider.endpoints(), self.values, keys)
