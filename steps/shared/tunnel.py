"""The WireGuard tunnel, stopped and started at the host's console."""

from collections.abc import Mapping, Sequence

from pytest_bdd import parsers, when

from proof.hosts.recorded_lab import RecordedLab
from proof.hosts.target import Target

SSH = "ssh.service"
# treatment -> verbs of systemctl for the tunnel's unit, in this order; a pair names another unit
TREATMENTS: Mapping[str, Sequence[str]] = {
    "restarted": ("restart",),
    "taken down and started again": ("stop", "start"),
    "started after the SSH server was restarted without it": ("stop", f"restart {SSH}", "start"),
}


@when(parsers.re(f"the tunnel is (?P<treatment>{'|'.join(TREATMENTS)})"))
def tunnel_is_treated(lab: RecordedLab, target: Target, treatment: str) -> None:
    """Out of band, because the administrator's own path is the tunnel. A restart of SSH without it may fail."""
    unit = f"wg-quick@{target.text('vpn_interface')}.service"
    for step in TREATMENTS[treatment]:
        verb, _, other = step.partition(" ")
        done = lab.exec("mail", ["systemctl", verb, other or unit], timeout=60.0)
        assert other or done.exit_status == 0, f"systemctl {verb} {unit} at mail's console: {done.stderr!r}"
