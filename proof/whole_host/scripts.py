"""The host's own scripts: another content of one changes nothing for a scenario that did not read it."""

import re
from collections.abc import Iterable, Sequence

from lab.errors import LabError
from proof.hosts.connections import MAIL
from proof.hosts.recorded_lab import LabControl
from proof.whole_host.comparison import Difference, HostSnapshot

FOLDERS = ("/opt/", "/usr/local/")
SUFFIXES = (".sh", ".py")
FILE = re.compile(r"(-\S{9} \S+) [0-9a-f]{16}")  # of no package, with nothing special: mode and owners, content
PROGRAM = re.compile(r"-(?=\S*x)(?:..[-x]){3} ")  # someone may execute it, with no rights but their own
YOUNG = "-10000"  # days; whatever was read since 1970
SECONDS = 20.0
SOME_MISSING = 1  # find's exit status, if it looked at all the others


def own(taken: HostSnapshot) -> list[str]:
    """Paths of the scripts that no package brought and no process runs all the time."""
    running = "\n".join(taken.get("processes", {}))
    return sorted(path for path, text in taken.get("files", {}).items() if _script(path, text) and path not in running)


def _script(path: str, text: str) -> bool:
    runs = PROGRAM.match(text) is not None or path.endswith(SUFFIXES)
    return path.startswith(FOLDERS) and FILE.fullmatch(text) is not None and runs


def changed(found: Iterable[Difference], scripts: Sequence[str]) -> frozenset[str] | None:
    """Of two hosts, the scripts whose content differs; None if anything else differs, too.

    Args:
        found: how the hosts differ.
        scripts: those of both.
    """
    paths = set()
    for one in found:
        was, now = FILE.fullmatch(one.before), FILE.fullmatch(one.after)
        if one.section != "files" or one.name not in scripts or not was or not now or was[1] != now[1]:
            return None
        paths.add(one.name)
    return frozenset(paths)


class ReadScripts:
    """Tells which scripts of the lab's mail were read, by the time of the last access that its file system keeps.

    The kernel notes that time at the first access after one long ago, whatever the file system's `relatime`. So all
    count as read whose time a reset or a power cut brought back.
    """

    def __init__(self, lab: LabControl, scripts: Sequence[str]) -> None:
        self._lab = lab
        self._scripts = scripts

    def since_last(self) -> list[str] | None:
        """Those read since this was asked last; None if the lab cannot tell."""
        if not self._scripts:
            return []
        begin_again = ["-exec", "touch", "--time=access", "--date=@0", "{}", "+"]
        argv = ["find", *self._scripts, "-maxdepth", "0", "-atime", YOUNG, "-print", *begin_again]
        try:
            done = self._lab.exec(MAIL, argv, timeout=SECONDS)
        except LabError:
            return None
        if done.exit_status > SOME_MISSING:
            return None
        return sorted(done.stdout.decode(errors="replace").splitlines())
