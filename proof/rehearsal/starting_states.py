"""Starting states: what a fresh server may be like, and a selection of them in which each two meet."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from math import comb
from pathlib import Path

import yaml

from lab.errors import LabError
from proof.hosts.connections import HUB, MAIL
from proof.hosts.recorded_lab import LabControl
from proof.hosts.target import Target

FIRST_PASSWORD = "first_password"  # noqa: S105 - the name of a state, and of the variable in its script
SECONDS = 300.0  # for the script of one state


@dataclass(frozen=True)
class State:
    """One way in which a fresh server may differ from the lab's bare one.

    `mail` and `hub` are scripts for the consoles of both. `instead_of` names the state that this one replaces.
    `remains` has the differences of the whole host that provisioning leaves: section, name as a pattern, and reason.
    """

    name: str
    why: str
    source: str
    mail: str
    hub: str = ""
    instead_of: str = ""
    remains: Sequence[Mapping[str, str]] = field(default_factory=tuple)


def known() -> dict[str, State]:
    """Every state by its name, in the order in which they are put on a host."""
    written = yaml.safe_load(Path(__file__).with_suffix(".yml").read_text(encoding="utf-8"))
    return {name: State(name, **fields) for name, fields in written.items()}


def completed(names: Sequence[str]) -> list[State]:
    """These states in their order; where one of two is always there, the first unless the other is named."""
    states = known()
    replaced = {states[name].instead_of for name in names}
    always = {each.instead_of for each in states.values()} - {""}
    return [each for name, each in states.items() if name not in replaced and name in {*names, *always}]


def selection() -> list[list[str]]:
    """Rows of states in which each two meet in each way: both, the one, the other, and neither in the lab itself.

    Each state is in another set of so many rows that any two such sets overlap, and none holds another one (Katona).
    """
    varied = [name for name, each in known().items() if name not in {one.instead_of for one in known().values()}]
    rows = next(number for number in range(2, len(varied) + 3) if comb(number, number // 2 + 1) >= len(varied))
    chosen = dict(zip(reversed(varied), combinations(range(rows), rows // 2 + 1), strict=False))
    return [[each.name for each in completed([name for name in varied if row in chosen[name]])] for row in range(rows)]


def put(lab: LabControl, states: Sequence[State], target: Target, password: str) -> None:
    """Put the bare lab into these states, one after the other.

    Args:
        lab: the lab, as it is before anything is provisioned.
        states: in their order.
        target: the lab, whose variables the scripts name.
        password: the first one, for the scripts that name it.

    Raises:
        LabError: a script failed.
    """
    for state in states:
        for node, script in ((HUB, state.hub), (MAIL, state.mail)):
            if not script:
                continue
            text = target.fill(script.replace(f"{{{{ {FIRST_PASSWORD} }}}}", password))
            done = lab.exec(node, ["bash", "-eu", "-s"], stdin=text.encode(), timeout=SECONDS)
            if done.exit_status != 0:
                told = (done.stderr or done.stdout).decode(errors="replace").strip()
                raise LabError(
                    f"{node} could not be made to start as {state.name}: {told or f'status {done.exit_status}'}",
                    "proof/rehearsal/starting_states.yml has the script",
                )
