"""1.4.2: the owners of mail and database, and what other accounts can see of them."""

from collections.abc import Callable, Sequence

from pytest_bdd import parsers, scenarios, then, when
from testinfra.host import Host

from lab.provisioning import Play
from proof.hosts.target import Target
from proof.parsers import sshd
from proof.probes import account_access, folders
from proof.probes import accounts as onsite_accounts
from proof.probes.account_access import Attempt
from proof.probes.accounts import Accounts
from proof.probes.folders import Folder
from steps import storage
from steps.shared.accounts import account, groups_of

scenarios("../features/task_1.4.2.feature")

TASK = "task_1.4.2.yml"
REFUSED = "Permission denied"

Table = Sequence[Sequence[object]]


@then("these accounts have these numbers, and no other account or group has them:")
def numbers(accounts: Accounts, datatable: Table) -> None:
    """By number, as the kernel sees them."""
    for name, uid, gid in storage.rows(datatable):
        users = [user["name"] for user in accounts["users"] if user["uid"] == int(uid)]
        groups = [group["name"] for group in accounts["groups"] if group["gid"] == int(gid)]
        seen = (users, groups, account(accounts, name)["gid"])
        assert seen == ([name], [name], int(gid)), f"on mail, UID {uid}, GID {gid} and {name}'s first group are {seen}"


@then(parsers.parse('the only group of "{name}" is its own, and "{same}" is its only member'))
def own_group_only(accounts: Accounts, name: str, same: str) -> None:
    """No group of others, and no others in the group."""
    seen = (groups_of(accounts, name), onsite_accounts.members(accounts, same))
    assert seen == ([name], [same]), f"on mail, the groups of {name} and the members of its group are {seen}"


@then("no folder of the storage, nor any above it, has an access list")
def no_access_list(mail: Host, target: Target) -> None:
    """It opens a folder whose mode still looks right."""
    paths = storage.paths(target)
    found: list[str] = mail.call(folders.with_access_lists, [*paths, *account_access.parents(paths)])
    assert not found, f"on mail, access lists say who else may use {found}"


@when(parsers.parse('task 1.4.2 is to give "{name}" the number of "{holder}"'), target_fixture="played")
def give_taken_number(play: Callable[..., Play], accounts: Accounts, name: str, holder: str) -> Play:
    """A number that the inventory could have named by mistake, or that a package took first."""
    return play(TASK, extra={f"{name}_uid": account(accounts, holder)["uid"]})


@then(parsers.parse('it stops and names "{holder}"'))
def stops_and_names(played: Play, holder: str) -> None:
    """So the operator knows whom to move."""
    told = played.exit_status != 0 and f"belongs to {holder}" in " ".join(played.stdout.split())
    assert told, f"{TASK} ended with {played.exit_status}:\n{played.stdout[-3000:]}"


@then("the accounts and groups are as they were")
def accounts_as_before(mail: Host, accounts: Accounts) -> None:
    now: Accounts = mail.call(onsite_accounts.read)
    assert now == accounts, f"accounts on mail were {accounts}, now {now}"


@then(parsers.parse('root itself gets no shell as "{name}"'))
def no_shell(mail: Host, name: str) -> None:
    """A login that no password could stop ends at the shell."""
    shell = mail.run("su --login --command %s %s", "id -un", name)
    assert (shell.rc != 0, name in shell.stdout.split()) == (True, False), f"on mail, {name} has a shell: {shell}"


@then(parsers.parse('the SSH server does not let "{name}" in, whatever key it has'))
def ssh_refuses(mail: Host, accounts: Accounts, target: Target, name: str) -> None:
    """It admits groups, none of which is the account's."""
    who = f"user={name},host=hub,addr={target.text('hub_vpn_address')}"
    where = f"laddr={target.text('vpn_address')},lport={target.number('ssh_port')}"
    settings = sshd.parse(mail.check_output("sshd -T -C %s", f"{who},{where}"))
    admitted = settings.get("allowgroups", ())
    open_to = [group for group in groups_of(accounts, name) if group in admitted]
    assert admitted, "the SSH server on mail admits every group"
    assert not open_to, f"the SSH server on mail admits {name} for the group {open_to}"


@then("its folders have these owners and modes, each with the group of the same name:")
def owners_and_modes(storage_seen: dict[str, Folder], target: Target, datatable: Table) -> None:
    for name, owner, mode in storage.rows(datatable):
        folder = storage_seen[storage.path(target, name)]
        seen = (folder["user"], folder["group"], folder["mode"])
        assert seen == (owner, owner, mode), f"{folder['path']} on mail (owner, group, mode): {seen}"


@when(parsers.parse('"{stranger}" looks into every folder of the storage that is not its own'), target_fixture="looks")
def stranger_looks(mail: Host, target: Target, stranger: str) -> list[Attempt]:
    """Lists it, and reads a file in it by its name."""
    others = {path: owner for path, owner in storage.owners(target).items() if owner != stranger}
    found: list[Attempt] = mail.call(account_access.try_reading, stranger, others)
    return found


@then("each look is refused, and nothing was seen")
def each_refused(looks: list[Attempt]) -> None:
    """As often as there are folders: a folder that is not there would refuse no one."""
    for look in looks:
        tried = len(look["command"].split(" -- ")[1].split())
        seen = (look["got"], look["said"].count(REFUSED))
        assert seen == ("", tried), f"on mail, {look['who']} should have been refused {tried} times: {look}"


@when(
    parsers.parse('"{name}" writes, reads and removes a file in each of its folders'),
    target_fixture="worked",
)
def service_works(mail: Host, target: Target, name: str) -> tuple[int, Attempt]:
    """As that account; returns the number of its folders, and the result."""
    own = [path for path, owner in storage.owners(target).items() if owner == name]
    found: Attempt = mail.call(account_access.try_working, name, own)
    return len(own), found


@then("all of that works")
def all_works(worked: tuple[int, Attempt]) -> None:
    count, tried = worked
    assert tried["got"].split() == ["kept"] * count, f"on mail, {tried['who']} cannot work in its folders: {tried}"
