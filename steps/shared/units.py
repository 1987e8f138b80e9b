"""Units of systemd on the mail host."""

from pytest_bdd import parsers, then
from testinfra.host import Host

from proof.hosts.target import Target

TUNNEL = "the tunnel"


def unit_name(name: str, target: Target) -> str:
    """Name of a unit in a sentence, where the tunnel's depends on the inventory."""
    return f"wg-quick@{target.text('vpn_interface')}.service" if name == TUNNEL else name


@then(parsers.re('"(?P<name>[^"]+)" (?P<now>runs now and )?starts at boot'))
def runs_and_starts(mail: Host, target: Target, name: str, now: str | None) -> None:
    """As systemd sees it, not the program itself. A timer that waits counts as running."""
    unit = mail.service(unit_name(name, target))
    assert unit.is_enabled, f"{unit} on mail does not start at boot"
    assert unit.is_running or not now, f"{unit} on mail does not run now"


@then(parsers.parse('"{name}" starts after {first} at every boot'))
def starts_after(mail: Host, target: Target, name: str, first: str) -> None:
    """As systemd has put all files of the unit together."""
    earlier = unit_name(first, target)
    after = mail.check_output("systemctl show --property=After --value %s", name).split()
    assert earlier in after, f"{name} on mail does not start after {earlier}, only after {after}"
    assert mail.service(name).is_enabled, f"{name} on mail does not start at boot"
