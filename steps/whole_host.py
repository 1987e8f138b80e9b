"""A look at the whole host, as it is compared with the reference."""

from contextlib import suppress

from testinfra.host import Host

from lab.waiting import WaitTimeoutError, wait_until
from proof.hosts.target import Target
from proof.probes import cron, snapshot
from proof.whole_host import reference
from proof.whole_host.comparison import HostSnapshot

SECONDS = 120.0
JOBS_SECONDS = 600.0


def look(mail: Host, target: Target, *sections: str) -> HostSnapshot:
    """The host as it is now, or these sections of it; once what cron has begun, such as a backup, is done."""
    with suppress(WaitTimeoutError):  # a job that never ends is a difference
        wait_until(lambda: not mail.call(cron.at_work), "the jobs of cron on mail to end", JOBS_SECONDS)
    found: HostSnapshot = mail.ask(
        f"a snapshot of the whole host: {', '.join(sections) or 'all of it'}",
        snapshot.take,
        reference.settings(target, reference.left_out(target), sections=sections),
        shown=lambda taken: ", ".join(f"{len(names)} {section}" for section, names in taken.items()),
        quick=False,
        timeout=SECONDS,
    )
    return found
