"""`make pictures`: the pictures in the README, made from the most recent run and from the site."""

import io
import re
import sys
from pathlib import Path

from rich.console import Console

from lab import tools
from lab.bootstrap import requirements
from lab.errors import LabError
from lab.paths import BUILD, ROOT
from proof.evidence.record import Run
from proof.report import terminal

TABLE, FRONT = "run.svg", "site.png"
COLUMNS = 110
WINDOW = (1280, 1000)  # pixels
FONT_FACE = re.compile(r"@font-face \{.*?\}\s*", re.DOTALL)  # rich's default loads fonts from the internet


def run_table(run: Run) -> str:
    """The table of a run as it appears on a terminal, as SVG."""
    console = Console(file=io.StringIO(), record=True, width=COLUMNS, force_terminal=True)
    console.print(terminal.table(run))
    for line in (*terminal.reasons(run), terminal.verdict(run)):
        console.print(line)
    return f"{FONT_FACE.sub('', console.export_svg(title=' '.join(run.command)))}\n<!-- {run.id} -->\n"


def shown(picture: Path) -> str:
    """The id of the run that a picture shows; empty if it shows none."""
    found = re.search(r"<!-- (\S+) -->\s*\Z", picture.read_text(encoding="utf-8")) if picture.exists() else None
    return found[1] if found else ""


def screenshot(page: Path, picture: Path) -> None:
    """Save the top of a page as PNG. Raises LabError if there is no browser or it fails."""
    browser = requirements.browser()
    if browser is None:
        raise LabError("No Chromium is installed.", "make prepare-tests installs it on Debian")
    size = f"--window-size={WINDOW[0]},{WINDOW[1]}"
    command = [
        browser,
        "--headless",
        "--no-sandbox",
        "--hide-scrollbars",
        size,
        f"--screenshot={picture}",
        page.as_uri(),
    ]
    tools.run(command, "Taking a screenshot of the site")


def write(folder: Path) -> None:
    """Write run.svg and site.png. Raises LabError if no run is recorded or there is no browser."""
    record = BUILD / "runs" / "last" / "run.json"
    page = BUILD / "docs" / "index.html"
    if not record.is_file() or not page.is_file():
        raise LabError("There is no run to show.", "make accept makes one")
    (folder / TABLE).write_text(run_table(Run.read(record)), encoding="utf-8")
    screenshot(page, folder / FRONT)


def main() -> int:
    """Write the pictures to docs/. Returns the exit status."""
    try:
        write(ROOT / "docs")
    except LabError as error:
        print(error, file=sys.stderr)
        return error.exit_status
    return 0


if __name__ == "__main__":
    sys.exit(main())
