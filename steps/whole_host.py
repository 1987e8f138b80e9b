"""A look at the whole host, as it is compared with the reference."""

from testinfra.host import Host

from proof.hosts.target import Target
from proof.probes import snapshot
from proof.whole_host import reference
from proof.whole_host.comparison import HostSnapshot

SECONDS = 120.0


def look(mail: Host, target: Target, *sections: str) -> HostSnapshot:
    """The host as it is now, or these sections of it."""
    found: HostSnapshot = mail.ask(
        f"a snapshot of the whole host: {', '.join(sections) or 'all of it'}",
        snapshot.take,
        reference.settings(target, reference.left_out(target), sections=sections),
        shown=lambda taken: ", ".join(f"{len(names)} {section}" for section, names in taken.items()),
        quick=False,
        timeout=SECONDS,
    )
    return found
