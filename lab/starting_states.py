"""Starting states: what a fresh server may be like, which are likeliest, and a selection in which each two meet."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from math import comb
from pathlib import Path

import yaml

from lab.bare import Run
from lab.errors import LabError
from lab.inventory import NAMED

FIRST_PASSWORD = "first_password"  # noqa: S105 - the name of a state, and of the variable in its script
SECONDS = 300.0  # for the script of one state


@dataclass(frozen=True)
class State:
    """One way in which a fresh server may differ from the lab's bare one.

    `mail` and `hub` are scripts for the consoles of both. `instead_of` names the state that this one replaces.
    The lab itself starts in the `likeliest` ones. `variables` are those of the inventory that the state needs.
    `remains` has the differences of the whole host that provisioning leaves: section, name as a pattern, and reason.
    """

    name: str
    why: str
    source: str
    mail: str
    hub: str = ""
    instead_of: str = ""
    likeliest: bool = False
    variables: Mapping[str, str] = field(default_factory=dict)
    remains: Sequence[Mapping[str, str]] = field(default_factory=tuple)


def known() -> dict[str, State]:
    """Every state by its name, in the order in which they are put on a host."""
    written = yaml.safe_load(Path(__file__).with_suffix(".yml").read_text(encoding="utf-8"))
    return {name: State(name, **fields) for name, fields in written.items()}


def likeliest() -> list[State]:
    """Those in which the lab itself starts."""
    return [each for each in known().values() if each.likeliest]


def completed(names: Sequence[str]) -> list[State]:
    """These states in their order; where one of several is always there, the first unless another is named."""
    states = known()
    replaced = {states[name].instead_of for name in names}
    always = {each.instead_of for each in states.values()} - {""}
    return [each for name, each in states.items() if name not in replaced and name in {*names, *always}]


def selection() -> list[list[str]]:
    """Rows of states in which each two meet in each way: both, the one, the other, and neither in the last but one.

    Each state is in another set of so many rows that any two such sets overlap, and none holds another one (Katona).
    States that need variables of their own are a row each.
    """
    states = known()
    basic = [name for name in states if name in {each.instead_of for each in states.values()}]
    apart = [name for name, each in states.items() if each.variables]
    varied = [name for name in states if name not in {*basic, *apart}]
    rows = next(number for number in range(2, len(varied) + 3) if comb(number, number // 2 + 1) >= len(varied))
    chosen = dict(zip(reversed(varied), combinations(range(rows), rows // 2 + 1), strict=False))
    named = [[name for name in varied if row in chosen[name]] for row in range(rows)]
    return [[each.name for each in completed(row)] for row in [*named, [], *([name] for name in apart)]]


def scripts(states: Sequence[State], values: Mapping[str, str]) -> list[tuple[State, str, str]]:
    """What makes a bare lab start in these states: state, node, and a script for its console, in their order.

    Args:
        states: in their order.
        values: what the scripts name.

    Raises:
        LabError: a script names something else.
    """

    def fill(script: str) -> str:
        if missing := set(NAMED.findall(script)) - values.keys():
            raise LabError(f"lab/starting_states.yml names {', '.join(sorted(missing))}, which the inventory lacks.")
        return NAMED.sub(lambda named: values[named[1]], script)

    return [(each, node, fill(script)) for each in states for node, script in (("hub", each.hub), ("mail", each.mail))]


def put(run: Run, states: Sequence[State], values: Mapping[str, str]) -> None:
    """Put the bare lab into these states, one after the other.

    Args:
        run: out-of-band command, as for `bare.configure`.
        states: in their order.
        values: the lab's inventory, and the first password for the scripts that name it.

    Raises:
        LabError: a script failed.
    """
    for state, node, script in scripts(states, values):
        if not script:
            continue
        done = run(node, ["bash", "-eu", "-s"], stdin=script.encode(), timeout=SECONDS)
        if done.exit_status != 0:
            told = (done.stderr or done.stdout).decode(errors="replace").strip()
            raise LabError(
                f"{node} could not be made to start as {state.name}: {told or f'status {done.exit_status}'}",
                "lab/starting_states.yml has the script",
            )
