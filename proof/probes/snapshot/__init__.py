"""A snapshot of the whole host, for comparing; runs on the host as root, reads only."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from proof.probes.snapshot import accounts, containers, database, files, in_force, kernel, network, packages, services
from proof.probes.snapshot.common import Content, Section, Settings

SECTIONS = (
    "database", "files", "containers", "packages", "accounts", "units", "processes", "listeners", "packet filter",
    "network", "kernel", "mounts", "settings in force",
)  # fmt: skip
ENGINE = Path("/run/docker.sock")


def take(settings: Settings) -> "dict[str, Section]":
    """The snapshot: sections with names and values. It holds no secret: digests are keyed, passwords are left out."""
    content = Content(settings)
    engine = ENGINE.exists()
    server = settings["server"] if engine and Path(settings["server"][-1]).exists() else []
    wanted = settings["sections"] or SECTIONS
    # The programs first, as those of the other parts are none of the host's.
    running = services.programs() if "processes" in wanted else []
    parts: dict[str, Callable[[], Section]] = {
        "database": lambda: database.take(server, content, rows=settings["rows"]) if server else {},
        "files": lambda: files.take(settings["left_out"], content),
        "containers": lambda: containers.take(content) if engine else {},
        "packages": packages.take,
        "accounts": lambda: accounts.take(content),
        "units": lambda: services.units(shown.result()),
        "listeners": lambda: network.listeners(content),
        "packet filter": lambda: network.packet_filter(content),
        "network": lambda: network.addresses(content),
        "kernel": lambda: kernel.take(content),
        "mounts": lambda: kernel.mounts(content),
        "settings in force": lambda: in_force.take(content, engine=engine),
    }
    # Engine and database let others wait for answers, while the files keep a processor busy.
    with ThreadPoolExecutor(max_workers=4) as pool:
        shown = pool.submit(services.shown_units if {"units", "processes"} & set(wanted) else list)
        taken = {name: pool.submit(readable, parts[name]) for name in parts if name in wanted}
        found = {name: one.result() for name, one in taken.items()}
    # Last, as by then those that had just started have mostly ended.
    if "processes" in wanted:
        found["processes"] = readable(lambda: services.processes(running, shown.result(), content))
    return found


def readable(part: Callable[[], Section]) -> Section:
    """A part of the snapshot; where it cannot be taken, why: so the others still say what they see."""
    try:
        return part()
    except (OSError, ValueError, KeyError) as error:
        return {"cannot be looked at": f"{type(error).__name__}: {error}"}
