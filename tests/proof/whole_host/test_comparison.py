"""Comparing two snapshots: what is reported, what is passed over, and what packages explain."""

import pytest

from proof.hosts.target import Target
from proof.whole_host import exceptions
from proof.whole_host.comparison import Difference, HostSnapshot, differences, reason, tree


def between(before: HostSnapshot, after: HostSnapshot) -> list[Difference]:
    return differences(before, after, exceptions.TIME)


def test_what_is_new_gone_or_other_is_reported() -> None:
    before = {"files": {"/etc/a": "1", "/etc/b": "1", "/etc/c": "1"}, "units": {}}
    after = {"files": {"/etc/a": "1", "/etc/b": "2", "/etc/d": "1"}, "units": {"x.service": "active running"}}
    found = between(before, after)
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
    login = {"user@1000.service": "active running"}
    assert between({"units": {}}, {"units": login}) == []
    assert len(between({"processes": {}}, {"processes": login})) == 1
    assert between({"files": {}}, {"files": {"/var/log/x/y": "1"}}) == []
    ended = "/run/systemd/units/invocation:user-runtime-dir@1000.service"
    assert between({"files": {ended: "lrwxrwxrwx"}}, {"files": {}}) == []
    assert len(between({"files": {}}, {"files": {"/run/systemd/units/invocation:miner.service": "l"}})) == 1
    task = "/run/containerd/io.containerd.runtime.v2.task/moby/0123"
    assert between({"files": {f"{task}/{'7e' * 32}.pid": "1"}}, {"files": {}}) == []
    assert len(between({"files": {f"{task}/init.pid": "1"}}, {"files": {}})) == 1


def test_every_exception_has_its_reason() -> None:
    for several in (exceptions.TIME, exceptions.USE):
        assert all(why for patterns in several.values() for why in patterns.values())


def test_the_engine_forgets_the_network_of_a_container_that_went_before_the_run() -> None:
    assert between({"files": {"/run/docker/netns/ca4ed7c63156": "-rw-r--r--"}}, {"files": {}}) == []
    assert len(between({"files": {}}, {"files": {"/run/docker/netns/stranger": "-rw-r--r--"}})) == 1


def test_another_version_of_a_package_is_no_finding() -> None:
    was = {"/usr/bin/old": "-rwxr-xr-x root:root as shipped", "/usr/lib/d": "drwxr-xr-x root:root of a package"}
    now = {
        "/usr/bin/new": "-rwxr-xr-x root:root as shipped",
        "/usr/lib/python3/__pycache__/a.cpython-313.pyc": "-rw-r--r-- root:root compiled from its source",
        "/usr/lib/link": "lrwxrwxrwx root:root -> new of a package",
    }
    assert between({"files": was}, {"files": now}) == []


def test_what_is_special_about_a_packages_file_is_a_finding() -> None:
    for value in (
        "-rwsr-xr-x root:root as shipped",
        "-rwxrwxrwx root:root as shipped",
        "-rwxr-xr-x root:mail as shipped",
        "-rwxr-xr-x root:root security.capability=00 as shipped",
        "-rwxr-xr-x root:root differs from its package ufw 0123",
        "missing, although ufw ships it",
    ):
        assert between({"files": {}}, {"files": {"/usr/bin/x": value}}), value
    assert between({"files": {"/usr/bin/x": "-rwxr-xr-x root:root as shipped"}}, {"files": {"/usr/bin/x": "other"}})
    assert between({"files": {"/etc/x": "-rw-r--r-- root:root 0123"}}, {"files": {}})


def test_a_unit_that_was_changed_and_not_read_counts_until_it_is_read() -> None:
    unread = {"ssh.service on disk": "changed since systemd read it"}
    assert len(between({"units": {}}, {"units": unread})) == 1
    assert between({"units": unread}, {"units": {}}) == []


def test_the_databases_own_files_are_found_by_the_inventory() -> None:
    target = Target("vultr", {"postgres_data": "/d", "postgres_wal_archive": "/w"}, None, resettable=False)
    found = exceptions.left_out(target, exceptions.TIME, exceptions.OWN_FILES)
    assert {"/d/*", "/w/*", "/var/log/*"} <= set(found)


# What an intruder could put beside something that is passed over, by the section.
NEIGHBOURS = {
    "files": (
        "/var/log.d/rotate.sh",
        "/run/log.sh",
        "/run/systemd/journal.conf",
        "/run/systemd/system/miner.service",
        "/run/systemd/system/ssh.service.d/own.conf",
        "/run/systemd/transient/miner.service",
        "/run/systemd/generator/miner.service",
        "/run/docker",
        "/run/dockerd.sock",
        "/run/containerd.sock",
        "/run/udev.rules",
        "/run/sudoers",
        "/run/sudo",
        "/run/user.sh",
        "/run/own/socket",
        "/run/ssh-unix",
        "/run/netns/own",
        "/tmp/runc",
        "/tmp/systemd-private",
        "/tmp/systemd-private-own/x",
        "/tmp/mail.dump",
        "/var/tmp/systemd-private-x",
        "/var/tmp/mail.dump",
        "/var/lib/docker.sh",
        "/var/lib/containerd",
        "/var/lib/fail2ban.sh",
        "/var/lib/dpkg",
        "/var/lib/apt.sh",
        "/var/lib/systemd/linger/nobody",
        "/var/lib/systemd/random-seed.sh",
        "/var/lib/systemd/timers",
        "/var/cache",
        "/var/backups/etc.tar.gz",
        "/var/backups/mail.dump",
        "/var/lib/logrotate.sh",
        "/var/lib/systemd/catalog",
        "/root/.bashrc",
        "/root/.ssh/authorized_keys",
        "/home/me/.bash_profile",
        "/home/me/.ssh/rc",
        "/usr/lib/modules/6.12/extra/own.ko",
        "/usr/lib/modules-load.d/own.conf",
        "/srv/archive",
        "/srv/mail.dump",
        "/etc/cron.d/own",
    ),
    "units": (
        "session-4.service",
        "user.service",
        "users.service",
        "file session.scope",
        "file user@.service",
        "hostnamed.service",
    ),
    "listeners": ("unix /run/user.socket", "tcp 0.0.0.0:4444 python3", "udp 0.0.0.0:53 dnsmasq"),
    "mounts": ("/run/credentials", "/run/docker", "/run/users", "/var/mail/queue", "swap /swapfile"),
    "processes": (
        "systemd-hostnamed: UID 0 own",
        "cron.service: UID 0 postgres",
        "ssh.service: UID 999 /usr/bin/postgres",
    ),
    "containers": ("container own HostConfig Privileged", "image own:latest", "volume own"),
    "kernel": (
        "dev.tty.legacy_tiocsti",
        "fs.suid_dumpable",
        "kernel.modules_disabled",
        "kernel.randomize_va_space",
        "kernel.yama.ptrace_scope",
        "net.ipv4.ip_forward",
        "net.ipv4.tcp_syncookies",
        "net.ipv6.conf.all.forwarding",
        "vm.overcommit_memory",
    ),
    "packet filter": (
        "table inet f2b-own",
        "table inet f2b-table chain own",
        "table inet f2b-table chain f2b-chain: tcp dport 2288 counter accept",
        "table inet f2b-table chain f2b-chain: ip saddr 10.100.0.0/24 accept",
        "table ip filter chain ufw-user-input: ip saddr 10.100.0.66 counter reject",
    ),
}


def test_what_lies_beside_an_exception_still_counts() -> None:
    every = exceptions.merged(exceptions.TIME, exceptions.USE)
    assert set(every) == set(NEIGHBOURS)
    passed_over = [name for section, names in NEIGHBOURS.items() for name in names if reason(every, section, name)]
    assert passed_over == []


@pytest.mark.parametrize(
    ("before", "after", "found"), [("8192", "16384", 0), ("8192", "5000", 0), ("8192", "256", 1), ("1 2 9", "1 2 4", 1)]
)
def test_a_setting_that_follows_the_machines_size_may_not_be_much_smaller(before: str, after: str, found: int) -> None:
    name = "net.netfilter.nf_conntrack_max"
    told = differences({"kernel": {name: before}}, {"kernel": {name: after}}, exceptions.USE)
    assert len(told) == found


def test_records_of_another_version_of_a_package_are_explained() -> None:
    one, two = {"records of ufw 1": "a"}, {"records of ufw 2": "b"}
    assert not differences({"packages": one}, {"packages": two}, {})
    assert differences({"packages": one}, {"packages": {"records of ufw 1": "b"}}, {})


def test_differences_are_shown_as_a_tree() -> None:
    found = [
        Difference("units", "ssh.service", "running", ""),
        Difference("files", "/etc/cron.d/backups", "", "-rw-r--r-- root:root"),
        Difference("files", "/etc/cron.d/mail", "a", "b"),
        Difference("files", "/etc/motd", "a", "b"),
        Difference("files", "/opt", "", "drwxr-xr-x"),
    ]
    assert tree(found).splitlines() == [
        "files",
        "  etc/",
        "    cron.d/",
        "      + backups",
        "          is  -rw-r--r-- root:root",
        "      ~ mail",
        "          was a",
        "          is  b",
        "    ~ motd",
        "        was a",
        "        is  b",
        "  + opt",
        "      is  drwxr-xr-x",
        "units",
        "  - ssh.service",
        "      was running",
    ]
