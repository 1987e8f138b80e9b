import os
import subprocess
from pathlib import Path

import pytest

from proof.clients import overlay
from tests.proof.transport.here import host_here

TRIAL = """\
mount -t tmpfs tmpfs /mnt && mkdir /mnt/u /mnt/w
mount -t overlay -o lowerdir=/etc,upperdir=/mnt/u,workdir=/mnt/w overlay /etc
"""


def may_mount() -> bool:
    """Whether this user may give a command layers of its own over folders."""
    tried = subprocess.run(["unshare", "--mount", "sh", "-euc", TRIAL], check=False, capture_output=True)
    return os.geteuid() == 0 and tried.returncode == 0


@pytest.mark.skipif(not may_mount(), reason="this user may not mount an overlay")
def test_what_is_written_goes_with_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "open").mkdir()
    monkeypatch.setattr(overlay, "FOLDERS", (str(tmp_path),))
    monkeypatch.setattr(overlay, "LEFT_OPEN", (f"{tmp_path}/open",))
    (tmp_path / "cache").write_text("old")
    here = host_here([])
    try:
        told = overlay.of(here).check_output("echo new > %s/cache; touch %s/stamp; cat %s/cache", *[str(tmp_path)] * 3)
    finally:
        here.close()
    assert told == "new"
    assert (tmp_path / "cache").read_text() == "old"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cache", "open"]
