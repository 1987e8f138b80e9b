"""Listeners, rules, routes and pending updates are read for what they are, however a tool writes them."""

import pytest

from proof.parsers import apt, iptables, routes, ss
from proof.parsers.errors import NothingToReadError

LISTENERS = """\
LISTEN 0      128     10.100.0.25:2288      0.0.0.0:*    users:(("sshd",pid=700,fd=3))
LISTEN 0      4096              *:5432            *:*    users:(("postgres",pid=801,fd=6),("postgres",pid=802,fd=6))
LISTEN 0      4096           [::]:22           [::]:*    users:(("systemd",pid=1,fd=42))
"""


def test_a_socket_that_systemd_holds_for_ssh_counts_as_ssh() -> None:
    found = ss.of_ssh(ss.parse(LISTENERS))
    assert [str(listener) for listener in found] == ["10.100.0.25:2288 (sshd)", "[::]:22 (systemd)"]


RULES = """\
-P INPUT DROP
-A ufw-user-input -s 10.100.0.0/24 -i wg0 -p tcp -m tcp --dport 2288 -j ACCEPT
-A ufw-user-input -s 10.100.0.7/32 -p tcp -m multiport --dports 80,2288 -j ACCEPT
-A ufw-user-input -p udp -m udp --dport 2288 -j ACCEPT
-A ufw-user-input -p tcp -m tcp --dport 2289 -j ACCEPT
-A ufw-user-input -s 0.0.0.0/0 -p tcp -m tcp --dport 2288 -j DROP
-A INPUT -i lo -j ACCEPT
-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A INPUT -p icmp -j ACCEPT
-A INPUT -j ufw-before-input
-A ufw-before-input -j ACCEPT
"""


def test_rules_inside_the_network_admit_no_one_else() -> None:
    found = iptables.admitting(RULES, 2288)
    assert len(found) == 2
    assert not any(rule.admits_from_elsewhere("10.100.0.0/24") for rule in found)


@pytest.mark.parametrize(
    "rule",
    [
        "-A ufw-user-input -p tcp -m tcp --dport 2288 -j ACCEPT",
        "-A ufw-user-input -s 10.0.0.0/8 -p tcp -m tcp --dport 2288 -j ACCEPT",
        "-A ufw-user-input ! -s 10.100.0.0/24 -p tcp -m tcp --dport 2288 -j ACCEPT",
        "-A ufw-user-input -p tcp -m tcp --dport 2000:3000 -j ufw-user-limit-accept",
        "-A ufw6-user-input -s fd00::/64 -p tcp -m tcp --dport 2288 -j ACCEPT",
        "-A ufw-user-input -s 203.0.113.5/32 -j ACCEPT",
        "-A ufw-user-input -s 203.0.113.5/32 -p tcp -j ACCEPT",
        "-A INPUT -j ACCEPT",
        "-A INPUT ! -i lo -j ACCEPT",
    ],
)
def test_a_wider_rule_is_distinguished_from_a_narrow_one(rule: str) -> None:
    (found,) = iptables.admitting(rule, 2288)
    assert found.admits_from_elsewhere("10.100.0.0/24")


def test_routes_keep_what_ip_leaves_out_empty() -> None:
    text = """[{"dst":"10.100.0.1","dev":"wg0","prefsrc":"10.100.0.25","flags":[],"uid":0},
        {"dst":"default","gateway":"198.51.100.1","dev":"eth0"}]"""
    assert routes.parse(text) == (
        routes.Route("10.100.0.1", "wg0", "", "10.100.0.25"),
        routes.Route("default", "eth0", "198.51.100.1", ""),
    )
    assert routes.parse("") == ()


SIMULATION = """\
The following packages will be upgraded:
  canary openssl
Inst canary [1] (2 Debian:13/trixie [all])
Inst openssl [3.5.1-1] (3.5.4-1 Debian:13.2/stable, Debian-Security:13/stable-security [amd64])
Inst new-package (1.0 Debian-Security:13/stable-security [amd64])
Conf canary (2 Debian:13/trixie [all])
"""


def test_an_update_that_the_security_archive_holds_too_is_a_security_update() -> None:
    assert [(u.package, u.version, u.is_security) for u in apt.pending(SIMULATION)] == [
        ("canary", "2", False),
        ("openssl", "3.5.4-1", True),
    ]


def test_settings_of_apt_are_read_by_their_full_name() -> None:
    text = 'APT "";\nAPT::Periodic "";\nAPT::Periodic::Unattended-Upgrade "1";\n'
    assert apt.settings(text)["APT::Periodic::Unattended-Upgrade"] == "1"


def test_what_the_firewall_dropped_is_counted_by_the_policy() -> None:
    shown = "Chain INPUT (policy DROP 65541 packets, 2883816 bytes)\n    pkts      bytes target     prot opt in\n"
    assert iptables.dropped(shown) == 65541
    with pytest.raises(NothingToReadError, match="no policy"):
        iptables.dropped("iptables: Permission denied")
