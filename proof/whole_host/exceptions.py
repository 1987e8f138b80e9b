"""What may differ between two looks at a host, each with its reason: the only place for such exceptions."""

from collections.abc import Mapping

from proof.hosts.target import Target
from proof.whole_host.comparison import MEMORY, Exceptions

LOGS = "logs"
LOGIN = "records of logins, and what exists during a login"
ENGINE = "the container engine's own records; its containers, images, volumes and networks are compared"
NETWORK = "a container's network, removed up to a minute after the container; containers are compared"
CHECK = "a command that runs in a container at this moment, such as a health check; processes are compared"
BAN = "addresses that are banned at this moment, and what bans them in the kernel"
PACKAGES = "records of packages; packages and their files are compared"
MADE_AGAIN = "made again from other files whenever it is missing"
SCRIPT = "made by a script of its package at each update"
DAILY = "copies of package records that Debian makes daily"
LEASE = "an address that was leased; addresses are compared"
ON_DEMAND = "started by a question, for half a minute"
HARDWARE = "follows the machine"
KERNELS = "made by the packages of kernels, which are compared"
PROCESS = "the number of a running program; processes are compared"
LOCK = "a lock that some program holds or held"
PRIVATE = "a service's own folder for passing files"
COUNT = "counts what happens"

# Between two looks at the same running host, at which nothing but logins and time has passed.
TIME: Exceptions = {
    "files": {
        "/var/log/*": LOGS,
        "/run/log/*": LOGS,
        "/run/systemd/journal/*": LOGS,
        "/run/docker/containerd/*": ENGINE,
        f"/run/containerd/*/moby/*/{'[0-9a-f]' * 64}.pid": CHECK,
        f"/run/docker/netns/{'[0-9a-f]' * 12}": NETWORK,
        "/tmp/runc-process*": ENGINE,  # noqa: S108
        "/var/lib/containerd/*/meta.db": ENGINE,
        "/var/lib/docker/containers/*": ENGINE,
        "/var/lib/docker/network/files/local-kv.db": ENGINE,
        "/var/lib/fail2ban/*": "fail2ban's position in the logs",
        "/run/sudo/*": LOGIN,
        "/run/user/*": LOGIN,
        "/run/utmp": LOGIN,
        "/run/systemd/sessions*": LOGIN,
        "/run/systemd/users*": LOGIN,
        "/run/systemd/units/invocation:user-runtime-dir@*": LOGIN,
    },
    "kernel": {
        "fs.dentry-state": COUNT,
        "fs.file-nr": COUNT,
        "fs.inode-*": COUNT,
        "fs.quota.*": COUNT,
        "kernel.ns_last_pid": COUNT,
        "kernel.pty.nr": COUNT,
        "kernel.random.*": "another at each look or boot",
        "fs.aio-nr": COUNT,
        "kernel.perf_event_max_sample_rate": "lowered by the kernel itself under load",
        "net.netfilter.nf_conntrack_count": COUNT,
    },
    "packet filter": {"table inet f2b-table set *: elements = *": BAN},
    "units": {"user@*.service": LOGIN, "user-*": LOGIN},
}

# Between a host in use and the one that was just provisioned. What is not looked at in files is looked at elsewhere.
USE: Exceptions = {
    "files": {
        "/var/lib/docker/*": ENGINE,
        "/var/lib/containerd/*": ENGINE,
        "/run/docker/*": ENGINE,
        "/run/containerd/*": ENGINE,
        "/run/systemd/transient/docker-*": ENGINE,
        **dict.fromkeys(
            (
                f"/var/lib/dpkg/{name}"
                for name in (
                    "alternatives/*",
                    "arch*",
                    "available*",
                    "cmethopt",
                    "diversions*",
                    "info/*",
                    "lock*",
                    "statoverride*",
                    "status*",
                    "triggers/*",
                    "updates/*",
                )
            ),
            PACKAGES,
        ),
        **dict.fromkeys(
            (
                f"/var/lib/apt/{name}"
                for name in (
                    "cdroms.list",
                    "daily_lock",
                    "extended_states*",
                    "listchanges.db*",
                    "lists/*",
                    "mirrors/*",
                    "periodic/*",
                )
            ),
            PACKAGES,
        ),
        "/boot/initrd.img-*": KERNELS,
        "/initrd.img*": KERNELS,
        "/vmlinuz*": KERNELS,
        "/var/cache/*": MADE_AGAIN,
        "open to others: /var/cache/apt/*": MADE_AGAIN,
        "open to others: /var/cache/debconf/*": PACKAGES,
        "open to others: /var/cache/man/*": MADE_AGAIN,
        "/run/udev/*": "what the kernel found in this machine",
        "/usr/lib/modules/*/modules.*": "an index of modules, which are compared",
        "/var/lib/systemd/timers/*": "when timers were last due",
        "/var/lib/systemd/random-seed": "another at each boot",
        "/run/systemd/transient/session-*": LOGIN,
        "/run/systemd/units/*": "numbers of the latest starts; units are compared",
        "/var/lib/logrotate/*": "when logs were last rotated",
        "/var/lib/systemd/catalog/database": MADE_AGAIN,
        "/var/lib/systemd/deb-systemd-*": PACKAGES,
        "/var/lib/systemd/timesync/*": "what the clock was set to last",
        "/var/lib/ucf/*": PACKAGES,
        "/var/lib/man-db/*": MADE_AGAIN,
        "/var/lib/sudo/*": LOGIN,
        "/var/lib/dhcp*/*": LEASE,
        "/run/dhc*": LEASE,
        "/var/backups/alternatives.tar.*": DAILY,
        "/var/backups/apt.extended_states.*": DAILY,
        "/var/backups/dpkg.*": DAILY,
        "/root/.ansible/*": "provisioning's own scratch folder",
        "/home/*/.ansible/*": "provisioning's own scratch folder",
        "/root/.bash_history": LOGIN,
        "/home/*/.bash_history": LOGIN,
        **{
            f"{home}/{name}": LOGIN
            for home in ("/root", "/home/*")
            for name in (
                ".cache",
                ".cache/motd*",
                ".config",
                ".config/htop",
                ".config/htop/htoprc",
                ".lesshst",
                ".local",
                ".local/share",
                ".local/share/nano",
                ".local/share/nano/*_history",
                ".local/state",
                ".nano_history",
                ".psql_history",
                ".python_history",
                ".selected_editor",
                ".ssh/known_hosts",
                ".ssh/known_hosts.old",
                ".viminfo",
                ".wget-hsts",
            )
        },
        "/tmp/tmux-[0-9]*": LOGIN,  # noqa: S108
        "/home/*/.sudo_as_admin_successful": LOGIN,
        "/srv/archive/*": "the lab's archive of packages",
        "/run/*.pid": PROCESS,
        "/run/*.lock": LOCK,
        "/run/adduser": LOCK,
        "/run/unattended-upgrades.progress": "how far the last update came",
        "/run/runit*": SCRIPT,
        "/etc/runit/runsvdir/default/ssh": SCRIPT,
        "/etc/rc[0-6S].d/[SK][0-9][0-9]quota*": f"{SCRIPT}; its units are masked",
        "/etc/systemd/system/*.wants/quota*.service": f"{SCRIPT}; its units are masked",
        "/var/lib/quota*": SCRIPT,
        "/run/deadman": "the folder of provisioning's dead-man switches, empty until the next boot",
        "/run/motd.dynamic": LOGIN,
        "/run/ssh-unix-local*": "left by a boot before sshd's own socket was switched off; listeners are compared",
        "/run/systemd/ask-password-block*": LOGIN,
        "/run/systemd/inhibit/*": "who wants to be asked before the host goes down",
        "/run/systemd/netif/*": "what systemd-networkd knows of interfaces; addresses are compared",
        f"/tmp/systemd-private-{'[0-9a-f]' * 32}-*": PRIVATE,  # noqa: S108
        f"/var/tmp/systemd-private-{'[0-9a-f]' * 32}-*": PRIVATE,  # noqa: S108
    },
    "mounts": {
        "/run/credentials/*": "credentials of a running unit; units are compared",
        "/run/docker/netns/*": NETWORK,
        "/run/user/*": LOGIN,
    },
    "listeners": {
        "unix /run/user/*": LOGIN,
        "unix /tmp/tmux-[0-9]*": LOGIN,
        "unix /run/containerd/s/ID": ENGINE,
        "unix /var/run/docker/libnetwork/ID.sock": ENGINE,
    },
    "packet filter": {
        "table inet f2b-table": BAN,
        "table inet f2b-table chain f2b-chain": BAN,
        "table inet f2b-table chain f2b-chain: type filter hook input priority filter - 1; policy accept;": BAN,
        "table inet f2b-table chain f2b-chain: * saddr @addr*-set-sshd counter * reject*": BAN,
        "table inet f2b-table chain f2b-chain: * saddr @addr*-set-sshd reject*": BAN,
        "table inet f2b-table set addr*-set-sshd*": BAN,
    },
    "units": {
        "file session-*.scope": LOGIN,
        "systemd-hostnamed.service": ON_DEMAND,
        "systemd-localed.service": ON_DEMAND,
        "systemd-timedated.service": ON_DEMAND,
    },
    "kernel": {
        "dev.cdrom.*": HARDWARE,
        "dev.hpet.*": HARDWARE,
        "dev.raid.*": HARDWARE,
        "fs.epoll.max_user_watches": MEMORY,
        "kernel.hostname": "the target's own",
        "kernel.osrelease": "of the running kernel, in whatever version",
        "kernel.version": "of the running kernel, in whatever version",
        "net.ipv4.tcp_fastopen_key": "another at each boot",
        "fs.file-max": MEMORY,
        "fs.inotify.max_user_watches": MEMORY,
        "kernel.sched_domain.*": MEMORY,
        "kernel.shm*": MEMORY,
        "kernel.threads-max": MEMORY,
        "net.ipv4.tcp_mem": MEMORY,
        "net.ipv4.tcp_max_*": MEMORY,
        "net.ipv4.udp_mem": MEMORY,
        "net.netfilter.nf_conntrack_buckets": MEMORY,
        "net.netfilter.nf_conntrack_max": MEMORY,
        "net.nf_conntrack_max": MEMORY,
        "user.max_*": MEMORY,
        "vm.*_kbytes": MEMORY,
        "vm.lowmem_reserve_ratio": MEMORY,
    },
    "containers": {
        "* started": "when it was started last",
        "* RestartCount": "how often the engine started it again",
    },
    "processes": {
        "containerd.service: UID 0 *runc * exec --process *": CHECK,
        "docker-ID.scope: UID * pg_isready *": CHECK,
        "docker-ID.scope: UID * runc init": CHECK,
        "systemd-udevd.service: UID 0 (udev-worker)": "workers of udev, which come with an event and go when idle",
        "systemd-hostnamed.service: *": ON_DEMAND,
        "systemd-localed.service: *": ON_DEMAND,
        "systemd-timedated.service: *": ON_DEMAND,
        "*: UID * postgres: *": "connections and workers of the database, which come and go",
    },
}

# Between two hosts that were made the same way, one after the other.
MADE: Exceptions = {"containers": {"* started": "when it was started last"}}

OWN_FILES = {
    "postgres_data": "the database's own files; settings, rights and definitions are compared instead",
    "postgres_wal_archive": "the log of the database, archived every few minutes",
}
USED_FILES = {
    "mail_store": "mail",
    "mail_queue": "mail",
    "mail_backups": "backups",
    "postgres_backups": "backups",
}


def merged(*several: Exceptions) -> Exceptions:
    """All of several exceptions."""
    found: dict[str, dict[str, str]] = {}
    for each in several:
        for section, patterns in each.items():
            found.setdefault(section, {}).update(patterns)
    return found


def left_out(target: Target, exceptions: Exceptions, folders: Mapping[str, str]) -> list[str]:
    """Patterns of paths that a snapshot does not look at.

    Args:
        target: whose inventory names the folders.
        exceptions: those of files are not looked at.
        folders: variables of the inventory that name folders whose content is left out.
    """
    return [*exceptions.get("files", {}), *(f"{target.text(name)}/*" for name in folders)]
