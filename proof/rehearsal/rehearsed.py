"""Which starting states were rehearsed, when, and how that ended: a note beside each run, and the page of all."""

import contextlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from lab import starting_states
from lab.errors import LabError
from lab.paths import BUILD, ROOT
from lab.starting_states import State
from proof.evidence import provenance
from proof.evidence.run_folder import utc_now
from proof.whole_host import reference

NOTE = "start.json"
PAGE = ROOT / "docs" / "starting-states.md"
SAME = "the same host"
UNFINISHED = "did not come to its end"

TEXT = """\
# Starting states

Computed by `lab rehearse` from `lab/starting_states.yml` and its runs. Nothing here is typed by hand.

A fresh server is as the provider makes it. Whatever it starts as, the host must be the same once it is provisioned: the
whole of it is compared with the reference of the lab. The lab itself starts in the likeliest states that leave nothing
of themselves. `make rehearse` runs a selection in which each two states meet in each way: both, the one without the
other, the other without the one, and neither. A state with an inventory of its own has a row for itself.

## The selection

{selection}

## The states

{states}
"""


@dataclass
class Ended:
    """How a rehearsal ended: its exit status, None before it has."""

    status: int | None = None


@contextlib.contextmanager
def noted(run: Path, states: Sequence[State], page: Path = PAGE) -> Iterator[Ended]:
    """Note how a rehearsal of these states ended, in the folder of its run, and write the page again."""
    ended, result, began = Ended(), UNFINISHED, utc_now()
    try:
        yield ended
        result = SAME if ended.status == 0 else f"differs, exit status {ended.status}"
        if reference.read_newest() is None:
            result = "not compared: there was no reference"
    except LabError as error:
        result = str(error).splitlines()[0]
        raise
    finally:
        names = [state.name for state in states]
        note = {"states": names, "began": began, "result": result, "provision": _provision()}
        run.joinpath(NOTE).write_text(json.dumps(note, indent=1))
        write(page)


def _provision() -> str:
    return provenance.contents(ROOT)["provision"]


def write(page: Path = PAGE, rehearsals: Path = BUILD / "rehearsals") -> None:
    """Write the page: the selection with its latest runs, and every state."""
    runs: dict[frozenset[str], dict[str, str]] = {}
    for path in sorted(rehearsals.glob(f"[0-9]*/{NOTE}")):
        note = json.loads(path.read_text(encoding="utf-8"))
        runs[frozenset(note["states"])] = note
    today = _provision()
    chosen = starting_states.selection()
    others = [sorted(names) for names in runs if names not in map(frozenset, chosen)]
    rows = ["| Starts as | Last run | Result |", "|---|---|---|"]
    rows += [f"| {', '.join(names)} | {_told(runs.get(frozenset(names)), today)} |" for names in [*chosen, *others]]
    lines = ["| State | The lab starts so | Why | Source | What of it remains |", "|---|---|---|---|---|"]
    for each in starting_states.known().values():
        remains = "; ".join(f"{one['section']}: `{one['name']}` ({one['reason']})" for one in each.remains)
        lab = "yes" if each.likeliest else "no"
        lines.append(f"| {each.name} | {lab} | {each.why} | {each.source} | {remains or 'nothing'} |")
    page.write_text(TEXT.format(selection="\n".join(rows), states="\n".join(lines)), encoding="utf-8")


def _told(note: dict[str, str] | None, provision: str) -> str:
    if note is None:
        return "not run | -"
    earlier = "" if note["provision"] == provision else " (of an earlier provisioning)"
    return f"{note['began'][:16].replace('T', ' ')} UTC | {note['result']}{earlier}"
