"""1.2.3: the administrator's account, from either starting state of its UID."""

from dataclasses import dataclass

from pytest_bdd import given, parsers, scenarios, then
from testinfra.host import Host

from proof.hosts.recorded_lab import RecordedLab
from proof.hosts.target import Target
from proof.probes import accounts as onsite_accounts
from proof.probes import ownership
from proof.probes.accounts import Accounts, User
from proof.probes.ownership import Owned
from steps import staging
from steps.shared.accounts import account, groups_of

scenarios("../features/task_1.2.3.feature")

ANOTHER_UID = 1001
PASSING = ("/run/", "/tmp/", "/proc/")  # noqa: S108 - what lives there does not outlive a login


@dataclass(frozen=True)
class Before:
    """The account and its lasting files as they were before the host was changed."""

    user: User
    groups: list[str]
    files: frozenset[str]


def lasting_files(mail: Host, name: str) -> frozenset[str]:
    """Paths of a user's files, but for those that do not outlive a login."""
    found: list[Owned] = mail.call(ownership.not_roots, timeout=120)
    return frozenset(f["path"] for f in found if f["user"] == name and not f["path"].startswith(PASSING))


@then(parsers.re("(?P<name>\\w+) has the (?P<attribute>UID|shell) (?P<value>.+)"))
def has_attribute(accounts: Accounts, name: str, attribute: str, value: str) -> None:
    user = account(accounts, name)
    assert {"UID": str(user["uid"]), "shell": user["shell"]}[attribute] == value, f"on mail: {user}"


@then("its home is a folder of its own that no one else can write to")
def home_is_its_own(mail: Host, accounts: Accounts, target: Target) -> None:
    """Owner, mode, and no other account that lives there."""
    ours = account(accounts, target.text("admin_user"))
    home = mail.file(ours["home"])
    residents = [user["name"] for user in accounts["users"] if user["home"] == ours["home"]]
    seen = (home.is_directory, home.user, home.group, oct(home.mode & 0o022), residents)
    wanted = (True, ours["name"], ours["name"], "0o0", [ours["name"]])
    assert seen == wanted, f"{ours['home']} on mail (folder, owner, group, writable by, residents): {seen}"


@then(parsers.parse("{name} is in the group {group}"))
def is_in_group(accounts: Accounts, name: str, group: str) -> None:
    """By the list of members or as primary group."""
    members = onsite_accounts.members(accounts, group)
    assert name in members, f"members of {group} on mail: {members}"


@given(parsers.parse("{name} had to take another UID"), target_fixture="before")
def took_another_uid(lab: RecordedLab, mail: Host, name: str) -> Before:
    """The account works, under another number."""
    found: Accounts = mail.call(onsite_accounts.read)
    user = account(found, name)
    files = lasting_files(mail, name)
    staging.move_account(lab, name, user["uid"], ANOTHER_UID)
    return Before(user, groups_of(found, name), files)


@given(parsers.re("UID 1000 is (?P<state>free|taken by (?P<holder>.+))"))
def uid_is(lab: RecordedLab, mail: Host, holder: str | None) -> None:
    """Taken by the image's own user, as on a fresh image."""
    if holder:
        staging.add_account(lab, holder, 1000)
        return
    accounts: Accounts = mail.call(onsite_accounts.read)
    holders = [user["name"] for user in accounts["users"] if user["uid"] == 1000]
    assert not holders, f"the stage is not set: UID 1000 on mail is {holders}"


@then("the account is as it was before, with all of its files")
def as_before(mail: Host, before: Before) -> None:
    """Every field of the account, its groups, and no file lost to another number."""
    found: Accounts = mail.call(onsite_accounts.read)
    name = before.user["name"]
    now = (account(found, name), groups_of(found, name))
    lost = before.files - lasting_files(mail, name)
    assert now == (before.user, before.groups), f"on mail the account is now {now}, it was {before}"
    assert not lost, f"on mail these files are no longer {name}'s: {sorted(lost)[:20]}"


@then("no file was touched that only a link of the user led to")
def links_not_followed(mail: Host) -> None:
    """The user's link leads to a file of root's, which stays root's."""
    file = mail.file("/etc/hostname")
    assert (file.user, file.group) == ("root", "root"), f"/etc/hostname on mail is {file.user}:{file.group}"
