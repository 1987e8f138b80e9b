"""A snapshot of the whole host, for comparing; runs on the host as root, reads only."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from proof.probes.snapshot import accounts, containers, database, files, network, packages, services
from proof.probes.snapshot.common import Content, Section, Settings

SECTIONS = (
    "containers", "database", "packages", "files", "accounts", "units", "processes", "listeners", "packet filter",
    "network", "kernel", "mounts",
)  # fmt: skip
ENGINE = Path("/run/docker.sock")


def take(settings: Settings) -> "dict[str, Section]":
    """The snapshot: sections with names and values. It holds no secret: digests are keyed, passwords are left out."""
    content = Content(settings)
    engine = ENGINE.exists()
    server = settings["server"] if engine and Path(settings["server"][-1]).exists() else []
    wanted = settings["sections"] or SECTIONS
    shown = services.shown_units() if {"units", "processes"} & set(wanted) else []
    parts: dict[str, Callable[[], Section]] = {
        "containers": lambda: containers.take(content) if engine else {},
        "database": lambda: database.take(server, content, rows=settings["rows"]) if server else {},
        "packages": packages.take,
        "files": lambda: files.take(settings["left_out"], content),
        "accounts": lambda: accounts.take(content),
        "units": lambda: services.units(shown),
        "listeners": lambda: network.listeners(content),
        "packet filter": lambda: network.packet_filter(content),
        "network": lambda: network.addresses(content),
        "kernel": lambda: network.kernel(content),
        "mounts": lambda: network.mounts(content),
    }
    # The programs first, as those of the other parts are none of the host's.
    first = {"processes": services.processes(shown, content)} if "processes" in wanted else {}
    # Engine and database let others wait for answers, while the files keep a processor busy.
    with ThreadPoolExecutor(max_workers=3) as pool:
        taken = {name: pool.submit(parts[name]) for name in parts if name in wanted}
        return {**first, **{name: one.result() for name, one in taken.items()}}
