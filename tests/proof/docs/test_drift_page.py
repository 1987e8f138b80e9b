"""What hosts gained and lost, on the site."""

from pathlib import Path

from proof.whole_host import journal
from proof.whole_host.journal import Entry
from tests.proof.docs.world import World


def test_the_newest_change_comes_first_with_what_the_host_knew(tmp_path: Path) -> None:
    world = World.make(tmp_path)
    assert "has noted nothing" in (world.site() / "drift.html").read_text()
    times = ("2026-11-01T10:00:00Z", "2026-11-01T11:00:00Z", "2026-11-01T12:00:00Z")
    old = Entry("vultr", times[0], times[1], "files", "/etc/motd", "a", "b")
    new = Entry("vultr", times[1], times[2], "listeners", "tcp 0.0.0.0:25", "", "master", "dpkg: install postfix")
    journal.append([old, new], tmp_path / "build" / "journal")
    page = (world.site() / "drift.html").read_text()
    assert page.index("2026-11-01 12:00") < page.index("2026-11-01 11:00</h2>")
    assert "new in listeners: <code>tcp 0.0.0.0:25</code>" in page
    assert "dpkg: install postfix" in page
