"""One HTML file with everything that is proved, for somebody who has nothing else, and its statement beside it."""

from pathlib import Path

from lab.paths import ROOT
from proof.docs import ledger
from proof.docs.model import Document
from proof.docs.pages import TEMPLATES, Pages
from proof.evidence import statement

NAME = "proof.html"


def write(document: Document, site: Path, folder: Path, key: Path | None) -> Path:
    """Write the file and its statement.

    Args:
        document: what it shows.
        site: the site of the same document, with the statements of its runs.
        folder: of the file.
        key: signs the statement; None for no signature.

    Returns:
        The file's path.
    """
    shown = {
        one.run
        for task in document.tasks
        for criterion in task.criteria
        for scenario in criterion.scenarios
        for one in scenario.standings.values()
        if one.run
    }
    kept = {
        path.stem: path.read_text(encoding="utf-8")
        for where in (ROOT / ledger.FOLDER / ledger.STATEMENTS, site / ledger.STATEMENTS)
        for path in sorted(where.glob("*.json"))
        if path.stem in shown
    }
    style = (TEMPLATES / "style.css").read_text(encoding="utf-8")
    Pages.of(document, folder).write(NAME, "bundle.html", style=style, statements=kept, file=NAME)
    path = folder / NAME
    criteria = {
        state: [
            f"{target}: {task.id} {criterion.name}"
            for task in document.tasks
            for criterion in task.criteria
            for target in document.targets
            if criterion.standings[target].state == state
        ]
        for state in ("verified", "failed")
    }
    whole = path.read_bytes()
    payload = statement.test_result(
        {NAME: statement.sha256(whole)},
        passed=criteria["verified"],
        failed=criteria["failed"],
        result="FAILED" if criteria["failed"] else "PASSED" if criteria["verified"] else "WARNED",
        configuration=[{"name": statement.RUN, "annotations": {"made": document.made}}],
    )
    path.with_name(f"{NAME}.dsse.json").write_text(statement.enveloped(payload, key), encoding="utf-8")
    return path
