"""Logins in the guests. They end before a state is stored, so that no stored state contains one.

A login that is stored ends in every run that starts from that state: its connection no longer exists.
"""

from lab import bare
from lab.bare import Run
from lab.errors import LabError
from lab.waiting import wait_until

SECONDS = 60.0
# The hub keeps root's user manager on purpose (lab/bare.py); it is no login.
UNITS = {"mail": ("session-*.scope", "user@*.service", "user-runtime-dir@*.service"), "hub": ("session-*.scope",)}


def units(run: Run, node: str) -> list[str]:
    """Names of systemd's units for the logins on a node."""
    lines = bare.expect(run, node, "systemctl", "list-units", "--plain", "--no-legend", *UNITS[node]).splitlines()
    return [line.split()[0] for line in lines]


def end(run: Run, node: str) -> None:
    """End every login on a node, with all its processes. Raises LabError that names those that stay."""
    if not units(run, node):
        return
    run(node, ["systemctl", "stop", *UNITS[node]], timeout=SECONDS)  # it fails, too, where one ends by itself just now

    def ended() -> bool:
        open_logins = units(run, node)
        if open_logins:
            raise LookupError(", ".join(open_logins))
        return True

    wait_until(ended, f"every login on {node} to end", SECONDS, tolerate=(LookupError,), error=LabError)
