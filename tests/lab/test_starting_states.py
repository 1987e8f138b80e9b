"""The starting states as data, the selection of them, and how they are put on the lab."""

import subprocess
from collections.abc import Sequence
from itertools import combinations, product

import pytest

from lab import inventory, starting_states
from lab.errors import LabError
from lab.starting_states import FIRST_PASSWORD, State
from tests.fakes import Done, FakeLab

REPLACED = "root"  # the one that another state replaces
VALUES = {**inventory.variables(), FIRST_PASSWORD: "secret"}


class Consoles(FakeLab):
    """Keeps the scripts that it is given."""

    def __init__(self, status: int = 0) -> None:
        super().__init__()
        self.status, self.scripts = status, list[tuple[str, str]]()

    def exec(self, node: str, argv: Sequence[str], stdin: bytes = b"", timeout: float = 60.0) -> Done:
        del argv, timeout
        self.scripts.append((node, stdin.decode()))
        return Done(self.status, b"", b"no room")


def test_each_state_tells_why_it_is_there_and_who_says_so() -> None:
    for name, state in starting_states.known().items():
        assert state.why.endswith("."), name
        assert state.source, name
        assert state.mail, name
        assert all(set(one) == {"section", "name", "reason"} for one in state.remains), name


def test_a_server_has_one_of_the_two_user_schemes() -> None:
    assert [one.name for one in starting_states.completed(["ufw_on"])] == ["root", "ufw_on"]
    assert [one.name for one in starting_states.completed(["ufw_on", "limited"])] == ["limited", "ufw_on"]


def test_the_selection_has_each_two_states_in_each_way() -> None:
    rows = [set(row) for row in starting_states.selection()]
    *rows, public = rows
    assert public == {"public_box"}
    assert all(("limited" in row) != (REPLACED in row) for row in rows)
    varied = set(starting_states.known()) - {REPLACED, "public_box"}
    seen = {(a, b, a in row, b in row) for row in rows for a, b in combinations(sorted(varied), 2)}
    wanted = {(*two, *ways) for two in combinations(sorted(varied), 2) for ways in product((True, False), repeat=2)}
    assert wanted == seen


def test_the_lab_starts_in_states_that_leave_nothing() -> None:
    chosen = starting_states.likeliest()
    assert [one.name for one in chosen] == ["limited", "cloud_init_drop_ins", "ufw_on"]
    assert not any(one.remains or one.variables or one.hub for one in chosen)


def test_a_script_that_names_what_the_inventory_lacks_is_told() -> None:
    with pytest.raises(LabError, match="names other, which the inventory lacks"):
        starting_states.scripts([State("one", "", "", mail="a {{ other }}")], VALUES)


def test_scripts_get_the_values_of_the_lab_and_the_password() -> None:
    lab, state = Consoles(), State("one", "", "", mail="a {{ public_address }} {{ first_password }}", hub="b")
    starting_states.put(lab.exec, [state], VALUES)
    assert lab.scripts == [("hub", "b"), ("mail", "a 198.51.100.25 secret")]


def test_every_script_can_be_filled_in_and_read() -> None:
    lab = Consoles()
    starting_states.put(lab.exec, list(starting_states.known().values()), VALUES)
    for node, script in lab.scripts:
        assert "{{" not in script
        done = subprocess.run(["bash", "-n"], input=script, text=True, capture_output=True, check=False)
        assert (done.returncode, done.stderr) == (0, ""), node


def test_a_script_that_fails_is_told() -> None:
    with pytest.raises(LabError, match="mail could not be made to start as root: no room"):
        starting_states.put(Consoles(1).exec, starting_states.completed([]), VALUES)
