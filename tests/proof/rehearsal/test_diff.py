import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from lab.paths import ROOT
from proof.hosts.target import Target
from proof.probes import snapshot
from proof.rehearsal import diff
from proof.rehearsal.diff import Difference, differences

DUMP = """\
\\restrict aBcD
CREATE ROLE mailadmin;
\\connect mail
CREATE TABLE public.users (id integer);
COPY public.users (id, name) FROM stdin;
2\tbob
1\talice
\\.
SELECT pg_catalog.setval('public.users_id_seq', 4, true);
\\unrestrict aBcD
"""


def test_what_is_new_gone_or_other_is_reported() -> None:
    before = {"files": {"/etc/a": "1", "/etc/b": "1", "/etc/c": "1"}, "units": {}}
    after = {"files": {"/etc/a": "1", "/etc/b": "2", "/etc/d": "1"}, "units": {"x.service": "active running"}}
    found = differences(before, after)
    assert found == [
        Difference("files", "/etc/b", "1", "2"),
        Difference("files", "/etc/c", "1", ""),
        Difference("files", "/etc/d", "", "1"),
        Difference("units", "x.service", "", "active running"),
    ]
    assert [str(each).splitlines()[0] for each in found] == [
        "files: /etc/b",
        "files: gone: /etc/c  1",
        "files: new: /etc/d  1",
        "units: new: x.service  active running",
    ]


def test_only_what_is_excepted_in_its_section_is_passed_over() -> None:
    login = {"session-4.scope": "active running"}
    assert differences({"units": {}}, {"units": login}) == []
    assert len(differences({"processes": {}}, {"processes": login})) == 1
    assert differences({"files": {}}, {"files": {"/var/log/x/y": "1"}}) == []
    ended = "/run/systemd/units/invocation:user-runtime-dir@1000.service"
    assert differences({"files": {ended: "lrwxrwxrwx"}}, {"files": {}}) == []
    assert len(differences({"files": {}}, {"files": {"/run/systemd/units/invocation:miner.service": "l"}})) == 1
    task = "/run/containerd/io.containerd.runtime.v2.task/moby/0123"
    assert differences({"files": {f"{task}/{'7e' * 32}.pid": "1"}}, {"files": {}}) == []
    assert len(differences({"files": {f"{task}/init.pid": "1"}}, {"files": {}})) == 1
    assert all(reason for patterns in diff.EXCEPTIONS.values() for reason in patterns.values())


def test_the_engine_forgets_the_network_of_a_container_that_went_before_the_run() -> None:
    assert differences({"files": {"/run/docker/netns/ca4ed7c63156": "-rw-r--r--"}}, {"files": {}}) == []
    assert len(differences({"files": {}}, {"files": {"/run/docker/netns/stranger": "-rw-r--r--"}})) == 1


def test_the_databases_own_files_are_found_by_the_inventory() -> None:
    target = Target("vultr", {"postgres_data": "/d", "postgres_wal_archive": "/w"}, None, resettable=False)
    assert {"/d/*", "/w/*", "/var/log/*"} <= set(diff.excluded(target))


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "file").write_text("a")
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "log").write_text("a")
    (tmp_path / "link").symlink_to("kept")
    return tmp_path


def look(tree: Path) -> dict[str, str]:
    return snapshot.files(str(tree), re.compile(re.escape(f"{tree}/logs/") + ".*"))


def test_a_file_system_that_was_unmounted_meanwhile_has_no_files(tmp_path: Path) -> None:
    assert snapshot.files(str(tmp_path / "gone"), re.compile("never")) == {}


def test_a_file_system_is_reported_by_content_owner_and_mode(tree: Path) -> None:
    before = look(tree)
    assert before[f"{tree}/link"].endswith("-> kept")
    assert f"{tree}/logs" in before
    assert f"{tree}/logs/log" not in before
    file = tree / "kept" / "file"
    os.utime(file, (0, 0))
    (tree / "logs" / "log").write_text("more")
    assert look(tree) == before
    for change in (lambda: file.write_text("b"), lambda: file.chmod(0o600), (tree / "new").touch):
        known = look(tree)
        change()
        assert look(tree) != known


def test_a_dump_is_reported_by_tables_sequences_and_definitions() -> None:
    told = snapshot.of_dump(DUMP)
    assert set(told) == {
        "rows of public.users in mail",
        "sequence public.users_id_seq in mail",
        "definitions of cluster",
        "definitions of mail",
    }
    assert told["rows of public.users in mail"].startswith("2 rows ")
    assert snapshot.of_dump(DUMP.replace("aBcD", "eFgH").replace("2\tbob\n1\talice", "1\talice\n2\tbob")) == told
    assert "alice" not in str(told)
    for old, new in (
        ("alice", "eve"),
        ("seq', 4", "seq', 5"),
        ("id integer", "id bigint"),
        ("ROLE mailadmin", "ROLE m"),
    ):
        assert snapshot.of_dump(DUMP.replace(old, new)) != told


def test_local_file_systems_are_included() -> None:
    text = (
        "1 0 8:1 / / rw - ext4 /dev/vda rw\n2 1 8:1 /x /mnt rw - ext4 /dev/vda rw\n"
        "3 1 0:5 / /proc rw - proc proc rw\n4 1 0:9 / /a\\040b rw - tmpfs tmpfs rw\n"
    )
    assert snapshot.file_systems(text) == ["/", "/a b"]


def test_a_program_that_stays_is_seen_and_a_young_one_is_not() -> None:
    def seen(now: float) -> bool:
        return any("import time; time.sleep(47)" in name for name in snapshot.processes(now))

    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(47)"]) as child:
        try:
            now = float(Path("/proc/uptime").read_text().split()[0])
            assert not seen(now)
            assert seen(now + snapshot.SETTLED_SECONDS + 1)
        finally:
            child.kill()


def test_the_program_needs_nothing_of_ours() -> None:
    text = (ROOT / "proof" / "probes" / "snapshot.py").read_text()
    done = subprocess.run(
        [sys.executable, "-I", "-c", "import sys; compile(sys.stdin.read(), 'snapshot', 'exec')"],
        input=text.encode(),
        check=False,
        capture_output=True,
    )
    assert done.returncode == 0, done.stderr
    assert "from proof" not in text
    assert "from lab" not in text
