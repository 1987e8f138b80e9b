"""Accounts and groups of the mail host, and the owners of its files."""

import pytest
from pytest_bdd import given, parsers, then
from testinfra.host import Host

from proof.gherkin.case import CASE
from proof.probes import accounts as account_files
from proof.probes import ownership
from proof.probes.accounts import Accounts, User

SHOWN = 20


def account(accounts: Accounts, name: str) -> User:
    """The one account of this name."""
    named = [user for user in accounts["users"] if user["name"] == name]
    assert len(named) == 1, f"mail has {len(named)} accounts named {name}: {named}"
    return named[0]


def groups_of(accounts: Accounts, name: str) -> list[str]:
    """Names of the groups that an account is in, the first one included."""
    return [group["name"] for group in accounts["groups"] if name in account_files.members(accounts, group["name"])]


@given("the accounts of the mail host", target_fixture="accounts")
def the_accounts(mail: Host) -> Accounts:
    """Users and groups, from the host's own files."""
    read: Accounts = mail.call(account_files.read)
    return read


@then(parsers.parse("UID and GID {number:d} are {name}'s"))
def number_is(mail: Host, number: int, name: str) -> None:
    """Read again: an earlier step may have moved it."""
    accounts: Accounts = mail.call(account_files.read)
    users = [user["name"] for user in accounts["users"] if user["uid"] == number]
    groups = [group["name"] for group in accounts["groups"] if group["gid"] == number]
    assert (users, groups) == ([name], [name]), f"on mail, UID {number} is {users} and GID {number} is {groups}"


@then(parsers.parse("no other account or group has the number {number:d}"))
def number_is_not_shared(accounts: Accounts, number: int) -> None:
    """As UID, as GID, and as the first group of an account: to the kernel two names of one number are one user."""
    users = [user for user in accounts["users"] if number in (user["uid"], user["gid"])]
    groups = [group for group in accounts["groups"] if group["gid"] == number]
    names = {entry["name"] for entry in (*users, *groups)}
    assert max(len(users), len(groups), len(names)) == 1, f"on mail, {number} is: {users}, {groups}"


@then(parsers.parse("the password of {name} is locked"))
def password_is_locked(accounts: Accounts, name: str) -> None:
    """Neither a password nor the absence of one opens the account."""
    state = account(accounts, name)["password"]
    assert state == "locked", f"{name}'s password on mail is not locked, it is: {state}"


@then("every file of the mail host has an owner")
def every_file_has_an_owner(mail: Host, request: pytest.FixtureRequest) -> None:
    """A user and a group that exist. One search a run serves the scenarios that change nothing."""
    disruptive = request.node.stash[CASE].scenario.disruptive
    files = mail.call(ownership.not_roots, timeout=120) if disruptive else request.getfixturevalue("files_of_others")
    orphans = ownership.unowned(files)
    shown = "\n".join(f"{file['uid']}:{file['gid']} {file['path']}" for file in orphans[:SHOWN])
    assert not orphans, f"{len(orphans)} files on mail have no owner (uid:gid path):\n{shown}"
