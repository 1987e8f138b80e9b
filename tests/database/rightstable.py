"""The table of rights as the feature gives it."""

from lab.paths import FEATURES

TABLE = [
    [cell.strip() for cell in line.strip().strip("|").split("|")]
    for line in (FEATURES / "rights.table").read_text(encoding="utf-8").splitlines()
]
