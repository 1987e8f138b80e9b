"""Which starting states were rehearsed, when, and how that ended: a line of each in a file, and the page of all."""

import contextlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab import atomic, starting_states
from lab.errors import LabError
from lab.paths import ROOT
from lab.starting_states import State
from proof.evidence import provenance
from proof.evidence.run_folder import utc_now
from proof.whole_host import reference

KEPT = ROOT / "docs" / "starting-states.jsonl"
PAGE = ROOT / "docs" / "starting-states.md"
SAME = "the same host"
UNFINISHED = "did not come to its end"

TEXT = """\
# Starting states

Computed by `lab rehearse` from `lab/starting_states.yml` and `starting-states.jsonl`. Nothing here is typed by hand.

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
def noted(states: Sequence[State], kept: Path = KEPT, page: Path = PAGE) -> Iterator[Ended]:
    """Note how a rehearsal of these states ended, and write the page again."""
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
        notes = {**read(kept), frozenset(names): note}
        lines = sorted(notes.values(), key=lambda each: list(each["states"]))
        atomic.write(kept, "".join(f"{json.dumps(line)}\n" for line in lines))
        write(kept, page)


def _provision() -> str:
    return provenance.contents(ROOT)["provision"]


def read(kept: Path) -> dict[frozenset[str], dict[str, Any]]:
    """The latest note of each set of states. Where branches were merged, the file has several."""
    text = kept.read_text(encoding="utf-8") if kept.exists() else ""
    notes = sorted((json.loads(line) for line in text.splitlines()), key=lambda note: str(note["began"]))
    return {frozenset(note["states"]): note for note in notes}


def write(kept: Path = KEPT, page: Path = PAGE) -> None:
    """Write the page: the selection with its latest runs, and every state."""
    runs = read(kept)
    today = _provision()
    chosen = starting_states.selection()
    others = [note["states"] for names, note in runs.items() if names not in map(frozenset, chosen)]
    rows = ["| Starts as | Last run | Result |", "|---|---|---|"]
    rows += [f"| {', '.join(names)} | {_told(runs.get(frozenset(names)), today)} |" for names in [*chosen, *others]]
    lines = ["| State | The lab starts so | Why | Source | What of it remains |", "|---|---|---|---|---|"]
    for each in starting_states.known().values():
        remains = "; ".join(f"{one['section']}: `{one['name']}` ({one['reason']})" for one in each.remains)
        lab = "yes" if each.likeliest else "no"
        lines.append(f"| {each.name} | {lab} | {each.why} | {each.source} | {remains or 'nothing'} |")
    page.write_text(TEXT.format(selection="\n".join(rows), states="\n".join(lines)), encoding="utf-8")


def _told(note: dict[str, Any] | None, provision: str) -> str:
    if note is None:
        return "not run | -"
    earlier = "" if note["provision"] == provision else " (of an earlier provisioning)"
    return f"{note['began'][:16].replace('T', ' ')} UTC | {note['result']}{earlier}"
