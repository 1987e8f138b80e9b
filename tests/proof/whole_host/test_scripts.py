"""The host's own scripts: which there are, which differ, and which were read."""

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from proof.whole_host import scripts
from proof.whole_host.comparison import Difference
from proof.whole_host.scripts import ReadScripts
from tests.fakes import Done, FakeLab

DIGEST, OTHER = "87eec7c4d4ae3c39", "0123456789abcdef"
PROGRAM = f"-rwxr-xr-x root:root {DIGEST}"
FILES = {
    "/opt/a.sh": PROGRAM,
    "/usr/local/sbin/rollback": f"-rwxr-x--- root:root {DIGEST}",
    "/opt/part.sh": f"-rw-r--r-- root:root {DIGEST}",
    "/opt/settings": f"-rw-r--r-- root:root {DIGEST}",
    "/opt/s-bit": f"-rwsr-xr-x root:root {DIGEST}",
    "/opt/special.sh": f"{PROGRAM} immutable",
    "/opt/folder.sh": "drwxr-xr-x root:root",
    "/opt/packaged.sh": "-rwxr-xr-x root:root as shipped",
    "/opt/server.py": PROGRAM,
    "/etc/cron.daily/mine": PROGRAM,
}
TAKEN = {"files": FILES, "processes": {"x.service: UID 0 /usr/bin/python3 /opt/server.py": "1"}}


def test_scripts_are_programs_that_no_package_brought_and_nothing_runs() -> None:
    assert scripts.own(TAKEN) == ["/opt/a.sh", "/opt/part.sh", "/usr/local/sbin/rollback"]


def script(after: str, name: str = "/opt/a.sh", section: str = "files") -> Difference:
    return Difference(section, name, PROGRAM, after)


CONTENT = script(f"-rwxr-xr-x root:root {OTHER}")


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ([], frozenset()),
        ([CONTENT], frozenset(["/opt/a.sh"])),
        ([CONTENT, script("")], None),
        ([script(f"-rwxr-x--- root:root {OTHER}")], None),
        ([script(f"-rwxr-xr-x mail:root {OTHER}")], None),
        ([script(CONTENT.after, name="/opt/server.py")], None),
        ([script(CONTENT.after, section="units")], None),
    ],
)
def test_only_the_content_of_a_script_may_differ(found: list[Difference], expected: frozenset[str] | None) -> None:
    assert scripts.changed(found, scripts.own(TAKEN)) == expected


class Here(FakeLab):
    """A guest whose commands run on this machine."""

    def exec(self, node: str, argv: Sequence[str], stdin: bytes = b"", timeout: float = 60.0) -> Done:
        super().exec(node, argv, stdin, timeout)
        done = subprocess.run(argv, capture_output=True, check=False, timeout=timeout)
        return Done(done.returncode, done.stdout, done.stderr)


def test_who_was_read_since_is_told_once(tmp_path: Path) -> None:
    one, other = sorted(tmp_path / name for name in ("one.sh", "other.sh"))
    one.touch()
    other.touch()
    read = ReadScripts(Here(), [str(one), str(tmp_path / "gone.sh"), str(other)])
    assert read.since_last() == [str(one), str(other)]
    assert read.since_last() == []
    os.utime(other)  # as a reader does
    assert read.since_last() == [str(other)]
    assert read.since_last() == []


def test_a_lab_that_does_not_answer_tells_nothing() -> None:
    assert ReadScripts(FakeLab(dead=True), ["/opt/a.sh"]).since_last() is None


def test_without_scripts_nobody_is_asked() -> None:
    assert ReadScripts(FakeLab(dead=True), []).since_last() == []


def test_a_guest_that_cannot_look_tells_nothing() -> None:
    class WithoutFind(FakeLab):
        def exec(self, node: str, argv: Sequence[str], stdin: bytes = b"", timeout: float = 60.0) -> Done:
            super().exec(node, argv, stdin, timeout)
            return Done(127, b"", b"find: not found")

    assert ReadScripts(WithoutFind(), ["/opt/a.sh"]).since_last() is None
