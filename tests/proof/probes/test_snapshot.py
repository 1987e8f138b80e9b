"""A snapshot of the whole host, part by part."""

import hashlib
import os
import re
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace

import pytest

from proof.probes import ownership, snapshot
from proof.probes.snapshot import accounts, containers, database, files, in_force, network, packages, services
from proof.probes.snapshot.common import LARGE, Content, Settings, public_interfaces, unread

DUMP = """\
\\restrict aBcD
CREATE ROLE mailadmin;
\\connect mail
SET statement_timeout = 0;
-- Name: users; Type: TABLE; Schema: public; Owner: postgres
CREATE TABLE public.users (id integer);
-- Name: TABLE users; Type: ACL; Schema: public; Owner: postgres
GRANT SELECT ON TABLE public.users TO dovecot;
-- Data for Name: users; Type: TABLE DATA; Schema: public; Owner: postgres
COPY public.users (id, name) FROM stdin;
2\tbob
1\talice
\\.
SELECT pg_catalog.setval('public.users_id_seq', 4, true);
\\unrestrict aBcD
"""


def content(**settings: object) -> Content:
    given = Settings(left_out=[], masked=[], values=[], key="00" * 32, server=[], rows=False, sections=[])
    given.update(settings)  # type: ignore[typeddict-item]
    return Content(given)


def test_values_of_the_target_are_replaced_where_they_stand_alone() -> None:
    known = content(values=[["198.51.100.1", "hub_address"], ["198.51.100.10", "public_address"]])
    assert (
        known.named("198.51.100.1 198.51.100.10 198.51.100.11")
        == "{{ hub_address }} {{ public_address }} 198.51.100.11"
    )


def test_the_interface_to_the_internet_is_that_of_the_default_route(tmp_path: Path) -> None:
    routes = tmp_path / "route"
    routes.write_text("Iface\tDestination\nwg0\t0000640A\nenp1s0\t00000000\n")
    assert public_interfaces(routes) == ["enp1s0"]
    assert public_interfaces(tmp_path / "none") == []


def test_what_is_masked_does_not_count_and_the_key_does() -> None:
    known = content(masked=[["/etc/wireguard/*.conf", "^PrivateKey = .*$"]])
    one = known.of_file("/etc/wireguard/wg0.conf", b"[Interface]\nPrivateKey = one\n")
    assert one == known.of_file("/etc/wireguard/wg0.conf", b"[Interface]\nPrivateKey = two\n")
    assert one != known.of_file("/etc/wireguard/wg0.conf", b"[Interface]\nPrivateKey = two\nMTU = 1\n")
    assert one != known.of_file("/etc/other", b"[Interface]\nPrivateKey = one\n")
    assert content(key="01" * 32).digest("x") != known.digest("x")


@pytest.fixture
def dpkg(tmp_path: Path) -> Path:
    folder = tmp_path / "dpkg"
    (folder / "info").mkdir(parents=True)
    (folder / "info" / "ufw:amd64.list").write_text("/.\n/lib/x\n/usr/sbin/ufw\n/usr/bin/mine\n")
    (folder / "info" / "ufw:amd64.md5sums").write_text(f"{'0' * 32}  lib/x\n{'1' * 32}  usr/bin/mine\n")
    (folder / "status").write_text(
        f"Package: ufw\nConffiles:\n /etc/ufw.conf {'2' * 32}\n /etc/old {'3' * 32} obsolete\nVersion: 1\n"
    )
    (folder / "diversions").write_text("/usr/bin/mine\n/usr/bin/mine.dpkg\nother\n")
    return folder


def test_what_packages_ship_is_found_where_it_lies(dpkg: Path) -> None:
    known = files.Packages(dpkg)
    assert known.sums == {"/usr/lib/x": "0" * 32, "/usr/bin/mine.dpkg": "1" * 32, "/etc/ufw.conf": "2" * 32}
    assert known.listed["/usr/lib/x"] == "ufw"


def look(tree: Path, *left_out: str) -> dict[str, str]:
    seen = {}
    pattern = re.compile("|".join(left_out) or "(?!)")
    for path, state in files.walk(str(tree), pattern):
        seen[path] = files.of_path(path, state, NOTHING, content())
    return seen


class Nothing(files.Packages):
    """No package at all."""

    def __init__(self) -> None:
        self.sums: dict[str, str] = {}
        self.listed: dict[str, str] = {}


NOTHING = Nothing()


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    made = tmp_path / "tree"
    (made / "kept").mkdir(parents=True)
    (made / "kept" / "file").write_text("a")
    (made / "logs").mkdir()
    (made / "logs" / "log").write_text("a")
    (made / "link").symlink_to("kept")
    return made


def test_a_file_system_that_was_unmounted_meanwhile_has_no_files(tmp_path: Path) -> None:
    assert look(tmp_path / "gone") == {}


def test_a_file_system_is_reported_by_content_owner_and_mode(tree: Path) -> None:
    left_out = f"{tree}/logs/.*"
    before = look(tree, left_out)
    assert before[f"{tree}/link"].endswith("-> kept")
    assert f"{tree}/logs" in before
    assert f"{tree}/logs/log" not in before
    file = tree / "kept" / "file"
    os.utime(file, (0, 0))
    (tree / "logs" / "log").write_text("more")
    assert look(tree, left_out) == before
    changes: list[Callable[[], object]] = [lambda: file.write_text("b"), lambda: file.chmod(0o600)]
    for change in (*changes, (tree / "new").touch):
        known = look(tree, left_out)
        change()
        assert look(tree, left_out) != known


def test_a_file_is_as_its_package_ships_it_or_not(tree: Path) -> None:
    path = str(tree / "kept" / "file")
    shipped = Nothing()
    shipped.sums, shipped.listed = {path: "0cc175b9c0f1b6a831c399e269772661"}, {path: "ufw"}

    def told() -> str:
        return files.of_path(path, Path(path).lstat(), shipped, content())

    assert told().endswith(" as shipped")
    Path(path).write_text("b")
    assert "differs from its package ufw " in told()


def test_a_large_file_is_read_in_pieces_and_a_huge_one_not(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    large = tree / "large"
    large.write_bytes(b"a" * (2 * LARGE + 1))
    one = look(tree)[str(large)]
    large.write_bytes(b"a" * (2 * LARGE) + b"b")
    assert look(tree)[str(large)] != one
    shipped = Nothing()
    shipped.sums = {str(large): hashlib.md5(large.read_bytes()).hexdigest()}  # noqa: S324
    assert files.of_path(str(large), large.lstat(), shipped, content()).endswith(" as shipped")
    monkeypatch.setattr(files, "HUGE", LARGE)
    assert look(tree)[str(large)].endswith(f" {2 * LARGE + 1} bytes")


def test_a_name_that_is_no_text_is_told_all_the_same(tree: Path) -> None:
    Path(os.fsdecode(bytes(tree) + b"/\xff")).touch()
    (strange,) = [content().named(name) for name in look(tree) if "\udcff" in name]
    assert strange.endswith("/\\xff")


def test_only_pythons_own_compilation_of_the_file_beside_it_is_explained(tmp_path: Path) -> None:
    source = tmp_path / "module.py"
    source.write_text("print(1)\n")
    subprocess.run([sys.executable, "-m", "compileall", "-q", str(source)], check=True)
    (made,) = (tmp_path / "__pycache__").glob("*.pyc")
    assert files.compiled(str(made), made.read_bytes())
    source.write_text("print(1234)\n")
    assert not files.compiled(str(made), made.read_bytes())
    assert not files.compiled(str(tmp_path / "stray.pyc"), made.read_bytes())


def test_local_file_systems_are_included() -> None:
    text = (
        "1 0 8:1 / / rw - ext4 /dev/vda rw\n2 1 8:1 /x /mnt rw - ext4 /dev/vda rw\n"
        "3 1 0:5 / /proc rw - proc proc rw\n4 1 0:9 / /a\\040b rw - tmpfs tmpfs rw\n"
    )
    assert ownership.local_mounts(text) == ["/", "/a b"]


def test_a_dump_is_reported_by_objects_and_on_demand_by_rows() -> None:
    told = database.of_dump(DUMP, content(), rows=True)
    assert set(told) == {
        "rows of public.users in mail",
        "value of sequence public.users_id_seq in mail",
        "server: CREATE ROLE mailadmin;",
        "mail: table public.users",
        "mail: acl public.TABLE users",
    }
    assert told["rows of public.users in mail"].startswith("2 rows ")
    other_order = DUMP.replace("aBcD", "eFgH").replace("2\tbob\n1\talice", "1\talice\n2\tbob")
    assert database.of_dump(other_order, content(), rows=True) == told
    assert "alice" not in str(told)
    for old, new in (
        ("alice", "eve"),
        ("seq', 4", "seq', 5"),
        ("id integer", "id bigint"),
        ("ROLE mailadmin", "ROLE m"),
    ):
        assert database.of_dump(DUMP.replace(old, new), content(), rows=True) != told
    used = database.of_dump(DUMP.replace("alice", "eve").replace("seq', 4", "seq', 5"), content(), rows=False)
    assert used == database.of_dump(DUMP, content(), rows=False)


@pytest.mark.parametrize(
    ("field", "kind"),
    [
        ("", "no password needed"),
        ("!", "locked"),
        ("!*", "locked"),
        ("!$y$j9T$x", "locked, with a hash behind it"),
        ("$y$j9T$x", "password hashed by y"),
        ("abJnggxhB/yWI", "password hashed by DES"),
    ],
)
def test_a_password_is_told_by_its_kind(field: str, kind: str) -> None:
    assert accounts.password(field) == kind


def test_a_password_that_must_be_changed_is_told() -> None:
    assert accounts.ageing(["0", "0", "99999", "7", "", "", ""]) == (
        "must be changed at the next login, minimum 0, maximum 99999, warning 7"
    )
    assert accounts.ageing(["20000", "", "", "", "", "", ""]) == ""


def test_keys_of_an_account_are_told_by_fingerprint(tmp_path: Path) -> None:
    (tmp_path / ".ssh").mkdir()
    (tmp_path / ".ssh" / "authorized_keys2").write_text("# mine\nssh-ed25519 AAAA me\n\n")
    found = accounts.keys("me", tmp_path, content())
    assert len(found) == 1
    assert "AAAA" not in str(found)


@pytest.mark.parametrize(
    ("cgroup", "unit"),
    [
        ("0::/system.slice/ssh.service\n", "ssh.service"),
        ("0::/user.slice/user-1000.slice/session-4.scope\n", ""),
        ("0::/user.slice/user-1000.slice/session-3.scope\n", "a login of UID 1000 that ended"),
        ("0::/user.slice/user-1000.slice/user@1000.service/init.scope\n", ""),
        ("0::/user.slice/user-1000.slice/user@1000.service/app.slice/miner.service\n", "UID 1000's own miner.service"),
        (f"0::/system.slice/docker-{'ab' * 32}.scope\n", "docker-ID.scope"),
        ("0::/init.scope\n", "init.scope"),
        ("0::/stray\n", "no unit (/stray)"),
    ],
)
def test_a_process_belongs_to_its_unit(cgroup: str, unit: str) -> None:
    assert services.unit_of(cgroup, {"session-4.scope"}) == unit


def test_a_new_kernel_is_no_new_package() -> None:
    assert (
        packages.NUMBERED.sub(r"\1VERSION", "linux-image-6.12.57+deb13-cloud-amd64")
        == "linux-image-VERSION-cloud-amd64"
    )
    assert packages.NUMBERED.sub(r"\1VERSION", "linux-image-cloud-amd64") == "linux-image-cloud-amd64"


def test_an_image_that_was_pulled_by_tag_and_digest_is_listed_without_its_tag() -> None:
    assert containers.without_tag("localhost:5000/postgres:17@sha256:1f") == "localhost:5000/postgres@sha256:1f"
    assert containers.without_tag("localhost:5000/postgres@sha256:1f") == "localhost:5000/postgres@sha256:1f"
    assert containers.without_tag("localhost:5000/postgres:17") == "localhost:5000/postgres:17"


def test_a_structure_is_flattened_without_the_engines_order() -> None:
    one = dict(containers.flat("c", {"Mounts": [{"b": 1}, {"a": 2}], "User": "0"}))
    assert one == dict(containers.flat("c", {"User": "0", "Mounts": [{"a": 2}, {"b": 1}]}))
    assert one["c User"] == '"0"'


def process(proc: Path, pid: int, started: float, command: str = "sleep") -> services.Program:
    folder = proc / str(pid)
    folder.mkdir(parents=True, exist_ok=True)
    ticks = round(started * os.sysconf("SC_CLK_TCK"))
    (folder / "cmdline").write_bytes(command.encode() + b"\0")
    (folder / "stat").write_text(f"{pid} (a) b) S {' '.join(['0'] * 18)} {ticks} 0")
    (folder / "cgroup").write_text("0::/system.slice/x.service\n")
    found = services.program(folder)
    assert found is not None
    return found


def test_a_young_program_is_followed_until_it_lasts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([100.0, 100.0, 105.0, 120.5, 120.5])
    monkeypatch.setattr(time, "clock_gettime", lambda _: next(clock))
    monkeypatch.setattr(time, "sleep", lambda _: None)
    old, young = process(tmp_path, 1, 5.0), process(tmp_path, 2, 100.0)
    assert services.lasting([young, old], tmp_path) == [old, young]


def test_a_young_program_that_ends_or_is_followed_by_another_does_not_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time, "clock_gettime", lambda _: 101.0)
    ended = services.Program(3, 100.0, "check", 0, "")
    replaced = process(tmp_path, 4, 100.0)
    process(tmp_path, 4, 100.5)
    assert services.lasting([ended, replaced], tmp_path) == []


def test_programs_of_the_kernel_have_no_command(tmp_path: Path) -> None:
    named, _ = process(tmp_path, 5, 1.0), process(tmp_path, 6, 1.0, command="")
    assert services.programs(tmp_path) == [named]
    assert services.program(tmp_path / "7") is None


def test_a_package_that_no_archive_has_is_told() -> None:
    listed = (
        "Listing...\nbash/stable,now 5.2 amd64 [installed]\nmine/now 99 all [installed,local]\n"
        "linux-image-6.12.1-cloud-amd64/now 6.12.1-1 amd64 [installed,local]\n"
    )
    assert packages.foreign(listed) == {
        "origin of mine": "no archive",
        "origin of linux-image-VERSION-cloud-amd64": "no archive",
    }
    assert packages.foreign("mine/now 99 all [installed,local]\n") == {}


def test_among_logs_only_what_is_open_to_others_is_told(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    for name, mode in (("dump.sql", 0o644), ("auth.log", 0o640), ("dpkg.log.2.gz", 0o644), ("shell", 0o4750)):
        (tmp_path / name).touch()
        (tmp_path / name).chmod(mode)
    (tmp_path / "closed").mkdir()
    (tmp_path / "closed" / "file").touch(0o644)
    (tmp_path / "closed").chmod(0o700)
    os.mkfifo(tmp_path / "queue", 0o600)
    told = {Path(name).name for name in files.unusual(str(tmp_path), readable=True)}
    assert told == {"dump.sql", "dpkg.log", "shell", "queue"}
    assert files.unusual(str(tmp_path / "none"), readable=True) == {}


def test_a_large_file_is_hashed_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "LARGE", 4)
    path = tmp_path / "large"
    path.write_bytes(b"0123456789")
    shipped = Nothing()
    shipped.sums, shipped.listed = {str(path): "781e5e245d69b566979b86e28d23f2c7"}, {str(path): "ufw"}
    assert files.regular(str(path), shipped, content()) == " as shipped"
    shipped.sums[str(path)] = "0" * 32
    assert files.regular(str(path), shipped, content()).startswith(" differs from its package ufw ")
    one = files.regular(str(path), NOTHING, content())
    path.write_bytes(b"0123456788")
    assert files.regular(str(path), NOTHING, content()) != one


def test_settings_that_changed_since_they_were_read_are_told(tmp_path: Path) -> None:
    (tmp_path / "conf.d").mkdir()
    (tmp_path / "conf.d" / "a.conf").touch()
    now = time.time()
    assert dict(unread([tmp_path / "conf.d"], now + 5)) == {f"settings in {tmp_path}/conf.d": "as they were read"}
    assert dict(unread([tmp_path / "conf.d"], now - 60)) == {
        f"settings in {tmp_path}/conf.d": "changed since they were read"
    }


def test_settings_of_a_container_differ_by_what_is_in_both_of_them() -> None:
    told = {"Memory": 2, "Binds": [], "User": "999"}
    assert in_force.differing({"Memory": 2, "Binds": None, "Gone": 1}, told) == []
    assert in_force.differing({"Memory": 0, "User": "0:0"}, told) == ["Memory", "User"]


def test_dpkgs_records_are_told_by_version(tmp_path: Path) -> None:
    (tmp_path / "info").mkdir()
    (tmp_path / "status").write_text("Package: ufw\nStatus: install ok installed\nDepends: a,\n b\nVersion: 1-2\n\n")
    (tmp_path / "info" / "ufw.md5sums").write_text("0 a\n")
    (tmp_path / "info" / "ufw.list").write_text("a\n")
    (name, digest), *_ = packages.records(tmp_path).items()
    assert name == "records of ufw 1-2"
    (tmp_path / "info" / "ufw.md5sums").write_text("1 a\n")
    assert packages.records(tmp_path)[name] != digest


def test_a_part_that_cannot_be_looked_at_says_why() -> None:
    def broken() -> dict[str, str]:
        raise OSError("no such server")

    assert snapshot.readable(broken) == {"cannot be looked at": "OSError: no such server"}
    assert snapshot.readable(lambda: {"a": "b"}) == {"a": "b"}


def test_a_password_outside_the_shadow_file_is_told() -> None:
    assert accounts.elsewhere("x") == ""
    assert accounts.elsewhere("") == "; no password needed, outside the shadow file"


def test_an_address_that_is_leased_and_a_route_that_is_advertised_are_told_without_what_runs_out() -> None:
    leased = "inet 198.51.100.25/24 scope global dynamic eth0"
    assert network._cleaned(f"{leased}\\       valid_lft 2241sec preferred_lft 2241sec") == leased
    told = network._cleaned("default nhid 911153689 via fe80::1 dev eth0 proto ra expires 1416sec pref medium")
    assert told == "default via fe80::1 dev eth0 proto ra pref medium"


LIMITS = """\
Limit                     Soft Limit           Hard Limit           Units
Max core file size        {core}                    unlimited            bytes
Max open files            {files}                 524288               files
"""


@pytest.mark.parametrize(
    ("core", "files", "told"),
    [
        ("0", "1024", ""),
        ("0", "524288", ""),  # some programs raise their own
        ("0", "64", ", with other limits: open files 64 524288"),
        ("unlimited", "1024", ", with other limits: core file size unlimited unlimited"),
    ],
)
def test_a_program_with_lower_limits_than_its_unit_is_told(tmp_path: Path, core: str, files: str, told: str) -> None:
    (tmp_path / "7").mkdir()
    (tmp_path / "sys" / "fs").mkdir(parents=True)
    (tmp_path / "sys/fs/nr_open").write_text("1073741816\n")
    (tmp_path / "7" / "limits").write_text(LIMITS.format(core=core, files=files))
    facts = {"MainPID": "7", "LimitCORESoft": "0", "LimitCORE": "infinity"}
    facts |= {"LimitNOFILESoft": "1024", "LimitNOFILE": "524288"}
    assert services.limits(facts, tmp_path) == told
    assert services.limits({**facts, "MainPID": "8"}, tmp_path) == ""


def test_links_that_lead_out_of_a_services_folder_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "queue"
    (folder / "in").mkdir(parents=True)
    (folder / "in" / "mail").touch()
    (folder / "inside").symlink_to("in/mail")
    assert files.out_of_place(str(folder)) == {}
    (folder / "in" / "out").symlink_to("/etc")
    real = Path.stat
    monkeypatch.setattr(Path, "stat", lambda path: SimpleNamespace(st_uid=5000, st_mode=real(path).st_mode))
    assert files.out_of_place(str(folder)) == {f"leads out: {folder}/in/out": "/etc"}
    monkeypatch.setattr(files, "flags", lambda _: " immutable")
    assert files.out_of_place(str(folder))[f"cannot be changed: {folder}/in/mail"] == "immutable"
    listed = list(files.walk(str(folder), files.NOTHING))
    monkeypatch.setattr(files, "walk", lambda *_: iter(listed))
    (folder / "in" / "mail").unlink()
    assert f"cannot be changed: {folder}/in/mail" not in files.out_of_place(str(folder)), "it is gone meanwhile"


def bans(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, known: str, kernel: set[str], *rows: tuple[str, int]) -> str:
    """What is told where fail2ban, kernel and record have these bans."""
    record = tmp_path / "record"
    with closing(sqlite3.connect(record)) as database:
        database.execute("CREATE TABLE bips(ip TEXT, jail TEXT, timeofban INTEGER, bantime INTEGER)")
        database.executemany("INSERT INTO bips VALUES (?, 'sshd', strftime('%s'), ?)", rows)
        database.commit()
    monkeypatch.setattr(in_force, "kernel_bans", lambda: kernel)
    monkeypatch.setattr(in_force, "BAN_SECONDS", 0.0)
    monkeypatch.setattr(in_force.disagreeing, "__defaults__", (record,))
    ((_, told),) = in_force.bans(lambda questions: [known if questions[0][-1] == "banip" else "3600"])
    return told


def test_bans_are_the_same_everywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told = bans(tmp_path, monkeypatch, "['192.0.2.1']", {"192.0.2.1"}, ("192.0.2.1", 3600))
    assert told == "the same in the kernel, in fail2ban and in its record"


def test_a_ban_of_one_place_alone_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = (("192.0.2.3", 3600), ("192.0.2.4", -1))
    assert bans(tmp_path, monkeypatch, "['192.0.2.1']", {"192.0.2.2"}, *rows).split("; ") == [
        "192.0.2.2 is banned in the kernel alone",
        "192.0.2.1 is banned in fail2ban alone",
        "192.0.2.3 is banned from the next start on",
        "192.0.2.4 is banned for longer than the settings say from the next start on",
    ]


def test_shared_memory_is_told_by_owner_and_size(tmp_path: Path) -> None:
    table = tmp_path / "shm"
    table.write_text(
        "key shmid perms size cpid lpid nattch uid\n4711 0 1666 4096 1 1 0 0 0\n4712 1 1666 4096 1 1 0 0 0\n"
    )
    assert dict(in_force.shared_memory(table)) == {"shared memory of UID 0, 4096 bytes": "2"}
    assert dict(in_force.shared_memory(tmp_path / "none")) == {}
