"""What a host could run out of."""

import time
from pathlib import Path

from proof.probes import room

TODAY = int(time.time()) // room.SECONDS_A_DAY


def test_this_machine_has_some_room() -> None:
    assert all(0 <= one["space"] <= 100 and 0 <= one["inodes"] <= 100 for one in room.left())


def test_accounts_and_passwords_that_end_are_named(tmp_path: Path) -> None:
    names = ("steady", "locked", "leaving", "stale")
    text = "".join(f"{name}:x:1:1::/:/bin/sh\n" for name in names)
    (tmp_path / "passwd").write_text(f"{text}daemon:x:1:1::/:/usr/sbin/nologin\n")
    (tmp_path / "shadow").write_text(
        f"steady:!:{TODAY}:0:99999:7:::\n"
        f"locked:!:{TODAY - 80}:0:90:7:::\n"
        f"leaving:!:{TODAY}:0:99999:7::{TODAY + 5}:\n"
        f"daemon:!*:{TODAY}:0:99999:7::1:\n"
        f"stale:$y$x:{TODAY - 80}:0:90:7:::\n"
    )
    found = room.ending(30, tmp_path)
    assert [line.split()[0] for line in found] == ["leaving", "the"]
    assert "the password of stale" in found[1]
    assert room.ending(3, tmp_path) == []
