"""Sixty checks with stock testinfra, with a ControlPath, and with our transport; same host, same answers."""

import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path
from typing import Any

import testinfra.backend
import testinfra.host

from proof.hosts.connections import MAIL, connection_spec
from proof.hosts.target import LAB, load
from proof.transport.host import connect
from proof.transport.spec import ConnectionSpec

STOCK, CONTROLPATH, OURS = "stock", "controlpath", "ours"
TIMES = {STOCK: 2, CONTROLPATH: 3, OURS: 5}

FILES = (
    *("/", "/etc", "/etc/passwd", "/etc/shadow", "/etc/group", "/etc/gshadow", "/etc/hostname"),
    *("/usr/lib/os-release", "/etc/debian_version", "/etc/profile", "/etc/login.defs", "/etc/pam.d", "/etc/ssh"),
    *(
        "/etc/ssh/sshd_config",
        "/usr/bin/dpkg",
        "/usr/bin/python3.13",
        "/usr/bin/dash",
        "/var/lib/dpkg/status",
        "/run",
        "/root",
    ),
)
USERS = ("root", "daemon", "bin", "sys", "sync", "games", "man", "lp", "mail", "nobody")
PACKAGES = (
    "apt",
    "base-files",
    "bash",
    "coreutils",
    "dpkg",
    "libc6",
    "openssh-server",
    "python3",
    "systemd",
    "telnetd",
)
UNITS = (
    *("ssh", "dbus", "systemd-journald", "systemd-networkd", "systemd-logind", "systemd-udevd"),
    *("apt-daily.timer", "multi-user.target", "rescue.service", "no-such.service"),
)
SOCKETS = ("unix:///run/dbus/system_bus_socket", "tcp://127.0.0.1:1")
SYSCTLS = (
    *("kernel.osrelease", "kernel.hostname", "kernel.pid_max", "kernel.randomize_va_space"),
    *("net.ipv4.ip_forward", "net.ipv4.tcp_syncookies", "vm.swappiness", "fs.file-max"),
)


@dataclass(frozen=True)
class Check:
    """One question to a host, in testinfra's words: `host.noun(name).attribute`, or `host.noun(name)`."""

    noun: str
    name: str
    attribute: str = ""

    def answer(self, host: Any) -> object:  # noqa: ANN401 - stock testinfra has no types
        """Ask it."""
        found = getattr(host, self.noun)(self.name)
        return attrgetter(self.attribute)(found) if self.attribute else found


CHECKS = (
    *(Check("file", name, "mode") for name in FILES),
    *(Check("user", name, "uid") for name in USERS),
    *(Check("package", name, "is_installed") for name in PACKAGES),
    *(Check("service", name, "is_running") for name in UNITS),
    *(Check("socket", name, "is_listening") for name in SOCKETS),
    *(Check("sysctl", name) for name in SYSCTLS),
)


def measure(way: ConnectionSpec | None = None) -> tuple[dict[str, list[float]], list[object]]:
    """Seconds of each run of all checks, by "stock", "controlpath" and "ours"; the first login is not counted.

    Args:
        way: where; None means the lab's mail on its proper path.

    Returns:
        The seconds, and the answers that all three gave, in the order of CHECKS.

    Raises:
        AssertionError: the three do not give the same answers.
    """
    way = way or connection_spec(load(LAB), MAIL)
    seconds: dict[str, list[float]] = {}
    answers: dict[str, list[object]] = {}
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        hosts: dict[str, Callable[[], Any]] = {
            OURS: lambda: _ours(way),
            CONTROLPATH: lambda: _shared(way, Path(folder) / "mux"),
            STOCK: lambda: _plain(way),
        }
        for name, opened in hosts.items():
            with opened() as host:
                seconds[name], answers[name] = _timed(host, TIMES[name])
    _same(answers)
    return seconds, answers[OURS]


def _timed(host: object, times: int) -> tuple[list[float], list[object]]:
    seconds, answers = [], []
    for _ in range(times):
        started = time.monotonic()
        answers = [check.answer(host) for check in CHECKS]
        seconds.append(time.monotonic() - started)
    return seconds, answers


def _same(answers: dict[str, list[object]]) -> None:
    for check, *given in zip(CHECKS, *answers.values(), strict=True):
        assert len(set(given)) == 1, f"{check} is answered differently: {dict(zip(answers, given, strict=True))}"


@contextmanager
def _ours(way: ConnectionSpec) -> Iterator[object]:
    with closing(connect(way)) as host:
        host.run("true")
        yield host


@contextmanager
def _plain(way: ConnectionSpec) -> Iterator[object]:
    yield _testinfra(way)


@contextmanager
def _shared(way: ConnectionSpec, path: Path) -> Iterator[object]:
    host = _testinfra(way, controlpath=str(path))
    try:
        host.run("true")
        yield host
    finally:
        subprocess.run(_ssh(way, "-O", "exit", "-o", f"ControlPath={path}"), capture_output=True, check=False)


def _testinfra(way: ConnectionSpec, **more: str) -> Any:  # noqa: ANN401 - stock testinfra has no types
    """A host of testinfra's own ssh backend, without its cache of hosts."""
    door = f"[{way.address}]" if ":" in way.address else way.address
    port = f":{way.port}" if way.port else ""
    settings = {"ssh_config": str(way.ssh_config)} if way.ssh_config else {}
    backend = testinfra.backend.get_backend(f"ssh://{way.user}@{door}{port}", sudo=way.sudo, **settings, **more)
    host = testinfra.host.Host(backend)
    backend.set_host(host)
    return host


def _ssh(way: ConnectionSpec, *options: str) -> Sequence[str]:
    port = ["-p", str(way.port)] if way.port else []
    return ["ssh", *way.options, *port, *options, f"{way.user}@{way.address}"]
