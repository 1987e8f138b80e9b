"""A snapshot of the whole host, for comparing; runs on the host as root, reads only."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from proof.probes.snapshot import accounts, containers, database, files, network, packages, services
from proof.probes.snapshot.common import Content, Section, Settings

ENGINE = Path("/run/docker.sock")


def take(settings: Settings) -> "dict[str, Section]":
    """The snapshot: sections with names and values. It holds no secret: digests are keyed, passwords are left out."""
    content = Content(settings)
    engine = ENGINE.exists()
    server = settings["server"] if engine and Path(settings["server"][-1]).exists() else []
    parts: dict[str, Callable[[], Section]] = {
        "containers": lambda: containers.take(content) if engine else {},
        "database": lambda: database.take(server, content, rows=settings["rows"]) if server else {},
        "packages": packages.take,
        "files": lambda: files.take(settings["left_out"], content),
        "accounts": lambda: accounts.take(content),
        "units": services.units,
        "processes": lambda: services.processes(content),
        "listeners": lambda: network.listeners(content),
        "packet filter": lambda: network.packet_filter(content),
        "network": lambda: network.addresses(content),
        "kernel": lambda: network.kernel(content),
        "mounts": lambda: network.mounts(content),
    }
    wanted = settings["sections"] or list(parts)
    # The programs first, as those of the other parts are none of the host's.
    first = {name: parts.pop(name)() for name in ("processes",) if name in wanted}
    # Engine and database let others wait for answers, while the files keep a processor busy.
    with ThreadPoolExecutor(max_workers=3) as pool:
        taken = {name: pool.submit(parts[name]) for name in parts if name in wanted}
        return {**first, **{name: one.result() for name, one in taken.items()}}
