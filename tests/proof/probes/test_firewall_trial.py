"""The trial of the rules, in network namespaces of this machine that no packet leaves."""

import subprocess

import pytest

from proof.probes import firewall_trial

CAN = subprocess.run(["unshare", "--net", "true"], capture_output=True, check=False).returncode == 0
pytestmark = pytest.mark.skipif(not CAN, reason="this user may make no network namespace")

ENDS = (("192.0.2.25", "203.0.113.9"), ("2001:db8::25", "2001:db8:ffff::9"))


@pytest.mark.parametrize(("address", "stranger"), ENDS)
def test_without_rules_every_port_answers(address: str, stranger: str) -> None:
    with firewall_trial._namespace() as host, firewall_trial._namespace() as outside:
        firewall_trial._join(host, outside, "eth9", address, stranger)
        found = firewall_trial._answered(outside, stranger, address, (1, 3000))
    assert found == list(range(1, 3001))


def test_what_fails_is_told_in_the_programs_words() -> None:
    with firewall_trial._namespace() as host, pytest.raises(OSError, match="ip link set"):
        firewall_trial._in(host, "ip", "link", "set", "nonsense", "up")
