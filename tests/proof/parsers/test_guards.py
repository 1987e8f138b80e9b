"""What fail2ban and unattended-upgrades say is read for what it says; half an answer is none."""

import pytest

from proof.parsers import fail2ban, upgrades
from proof.parsers.errors import NothingToReadError

STATUS = """\
Status for the jail: sshd
|- Filter
|  |- Currently failed:\t1
|  |- Total failed:\t4
|  `- Journal matches:\t_SYSTEMD_UNIT=ssh.service + _COMM=sshd
`- Actions
   |- Currently banned:\t2
   |- Total banned:\t2
   `- Banned IP list:\t10.100.0.66 10.100.0.67
"""


def test_a_jail_names_whom_it_banned_and_what_it_reads() -> None:
    assert fail2ban.parse(STATUS) == fail2ban.Jail(
        failures=4, banned=("10.100.0.66", "10.100.0.67"), journal="_SYSTEMD_UNIT=ssh.service + _COMM=sshd"
    )


def test_a_jail_that_banned_no_one_reads_no_journal_into_the_list() -> None:
    text = STATUS.replace("10.100.0.66 10.100.0.67", "").replace("`- Journal matches", "`- File list")
    jail = fail2ban.parse(text)
    assert jail.banned == ()
    assert jail.journal == ""


def test_an_unknown_jail_is_no_empty_one() -> None:
    with pytest.raises(NothingToReadError, match="not a jail's status"):
        fail2ban.parse("Sorry but the jail 'sshd' does not exist")


DRY_RUN = """\
Starting unattended upgrades script
Allowed origins are: origin=Debian,codename=trixie-security,label=Debian-Security, o=Debian,a=stable
Packages that will be upgraded: mail-lab-security-canary openssl
"""


def test_a_rehearsal_names_origins_and_packages() -> None:
    plan = upgrades.parse(DRY_RUN)
    assert plan.origins == (
        "origin=Debian,codename=trixie-security,label=Debian-Security",
        "o=Debian,a=stable",
    )
    assert plan.selected == ("mail-lab-security-canary", "openssl")


def test_a_rehearsal_may_find_nothing() -> None:
    text = (
        DRY_RUN.partition("Packages")[0]
        + "No packages found that can be upgraded unattended and no pending auto-removals"
    )
    assert upgrades.parse(text).selected == ()


@pytest.mark.parametrize("text", ["", "Lock could not be acquired", DRY_RUN.partition("Packages")[0]])
def test_a_rehearsal_that_broke_off_has_selected_nothing_for_sure(text: str) -> None:
    with pytest.raises(NothingToReadError, match="decided nothing"):
        upgrades.parse(text)


SETTINGS = """\
['set', 'loglevel', 'INFO']
['set', 'sshd', 'maxretry', 50]
['set', 'sshd', 'maxretry', 3]
['set', 'sshd', 'bantime', '3600']
['set', 'sshd', 'addignoreip', '127.0.0.1/8', '10.100.0.25']
['set', 'other', 'bantime', '1']
"""


def test_settings_of_a_jail_are_the_last_of_each_name() -> None:
    found = fail2ban.settings(SETTINGS, "sshd")
    assert found == {"maxretry": "3", "bantime": "3600", "ignoreip": "['127.0.0.1/8', '10.100.0.25']"}
    with pytest.raises(NothingToReadError, match="no settings of the jail"):
        fail2ban.settings("['set', 'loglevel', 'INFO']\n", "sshd")
