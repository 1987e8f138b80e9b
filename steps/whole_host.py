"""A look at the whole host, as it is compared with the reference."""

from testinfra.host import Host

from proof.hosts.target import Target
from proof.probes import snapshot
from proof.whole_host import reference
from proof.whole_host.comparison import HostSnapshot

SECONDS = 120.0


def look(mail: Host, target: Target) -> HostSnapshot:
    """The host as it is now."""
    found: HostSnapshot = mail.ask(
        "a snapshot of the whole host",
        snapshot.take,
        reference.settings(target, reference.left_out(target)),
        shown=lambda taken: ", ".join(f"{len(names)} {section}" for section, names in taken.items()),
        quick=False,
        timeout=SECONDS,
    )
    return found
