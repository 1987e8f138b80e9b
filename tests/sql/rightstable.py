"""The table of rights as the feature gives it."""

from lab.paths import FEATURES

_FEATURE = (FEATURES / "task_2.1.2.feature").read_text(encoding="utf-8")
_AFTER = _FEATURE.partition("Given the services have these rights and no others\n")[2].partition("When ")[0]
TABLE = [[cell.strip() for cell in line.strip().strip("|").split("|")] for line in _AFTER.splitlines() if "|" in line]
