"""1.2.3: the administrator's account, whatever state its UID was found in."""

from collections.abc import Callable
from dataclasses import dataclass

from pytest_bdd import given, parsers, scenarios, then, when
from testinfra.host import Host

from lab.provisioning import Play
from proof.hosts.recorded_lab import RecordedLab
from proof.hosts.target import Target
from proof.probes import accounts as onsite_accounts
from proof.probes import ownership
from proof.probes.accounts import Accounts, User
from proof.probes.ownership import Owned
from steps import staging

scenarios("../features/task_1.2.3.feature")

ANOTHER_UID = 1001
PASSING = ("/run/", "/tmp/", "/proc/")  # noqa: S108 - what lives there does not outlive a login


@dataclass(frozen=True)
class Before:
    """The account and its lasting files as they were before the host was changed."""

    user: User
    groups: tuple[str, ...]
    files: frozenset[str]


def account(accounts: Accounts, name: str) -> User:
    """The one account of this name."""
    found = [user for user in accounts["users"] if user["name"] == name]
    assert len(found) == 1, f"mail has {len(found)} accounts named {name}: {found}"
    return found[0]


def groups_of(accounts: Accounts, name: str) -> tuple[str, ...]:
    """Names of the groups that list a user."""
    return tuple(sorted(group["name"] for group in accounts["groups"] if name in group["members"]))


def lasting_files(mail: Host, name: str) -> frozenset[str]:
    """Paths of a user's files, but for those that do not outlive a login."""
    found: list[Owned] = mail.call(ownership.not_roots, timeout=120)
    return frozenset(f["path"] for f in found if f["user"] == name and not f["path"].startswith(PASSING))


@then(parsers.parse("{name} has UID {uid:d}"))
def has_uid(accounts: Accounts, name: str, uid: int) -> None:
    """The number that the tracker names."""
    assert account(accounts, name)["uid"] == uid, f"on mail: {account(accounts, name)}"


@then("no other account shares it")
def nobody_shares(accounts: Accounts, target: Target) -> None:
    """Two names for one number are one user to the kernel."""
    ours = account(accounts, target.text("admin_user"))
    sharing = [user for user in accounts["users"] if user["uid"] == ours["uid"] and user != ours]
    assert not sharing, f"on mail, UID {ours['uid']} is also: {sharing}"


@then(parsers.parse("{name}'s shell is bash"))
def shell_is_bash(accounts: Accounts, name: str) -> None:
    """And it is one that the host accepts."""
    assert account(accounts, name)["shell"] == "/bin/bash", f"on mail: {account(accounts, name)}"


@then("its home is a folder of its own that nobody else can write to")
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


@then(parsers.parse("{name}'s password is locked"))
def password_locked(accounts: Accounts, name: str) -> None:
    """Neither a password nor the absence of one opens the account."""
    state = account(accounts, name)["password"]
    assert state == "locked", f"{name}'s password on mail is not locked, it is: {state}"


@given(parsers.parse("{name} had to take another UID"), target_fixture="before")
def took_another_uid(lab: RecordedLab, mail: Host, name: str) -> Before:
    """The account works, under another number."""
    found: Accounts = mail.call(onsite_accounts.read)
    user = account(found, name)
    files = lasting_files(mail, name)
    staging.move_account(lab, name, user["uid"], ANOTHER_UID)
    return Before(user, groups_of(found, name), files)


@given("UID 1000 is free")
def uid_is_free(mail: Host) -> None:
    """Nobody has the number."""
    found: Accounts = mail.call(onsite_accounts.read)
    holders = [user["name"] for user in found["users"] if user["uid"] == 1000]
    assert not holders, f"the stage is not set: UID 1000 on mail is {holders}"


@given(parsers.parse("UID 1000 is taken by {user}"))
def uid_is_taken(lab: RecordedLab, user: str) -> None:
    """As on a fresh image."""
    staging.add_account(lab, user, 1000)


@when(parsers.parse("the tasks {first} and {second} run"), target_fixture="played")
def tasks_run(play: Callable[..., Play], first: str, second: str) -> Play:
    """In the tracker's order, up to the first that fails."""
    return play(f"task_{first}.yml", f"task_{second}.yml")


@then("they all succeed")
def all_succeed(played: Play) -> None:
    """None has failed on the way."""
    assert played.exit_status == 0, f"the provisioning failed:\n{played.stdout[-3000:]}"


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
