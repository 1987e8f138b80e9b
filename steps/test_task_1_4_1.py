"""1.4.1: the folders of mail and database exist, only root can replace them, and making them changes no others."""

from collections.abc import Sequence

from pytest_bdd import given, parsers, scenarios, then, when
from testinfra.host import Host

from proof.hosts.target import Target
from proof.probes import account_access, folders
from proof.probes.folders import Folder
from steps import storage

scenarios("../features/task_1.4.1.feature")

TASK = "task_1.4.1.yml"
LOST = "mail queue"
LETTER = "letter.trial"


def named(seen: Sequence[Folder], path: str) -> Folder:
    """The one at this path."""
    return next(folder for folder in seen if folder["path"] == path)


def read_all(mail: Host, target: Target) -> list[Folder]:
    """All folders as they are now."""
    found: list[Folder] = mail.call(folders.read, storage.paths(target))
    return found


@then("it has these folders:")
def has_folders(storage_seen: dict[str, Folder], target: Target, datatable: Sequence[Sequence[object]]) -> None:
    """Each is a folder, or leads to one."""
    wanted = [storage.path(target, name) for (name,) in storage.rows(datatable)]
    missing = [path for path in wanted if not storage_seen[path]["there"]]
    assert not missing, f"these are no folders on mail: {missing}"


@when(
    parsers.parse('"{account}" tries which of the folders above the storage it may write to'), target_fixture="open_to"
)
def try_writing_above(mail: Host, target: Target, account: str) -> list[str]:
    """An account that may write to a folder may rename its content."""
    found: list[str] = mail.call(
        account_access.writable_folders, account, account_access.parents(storage.paths(target))
    )
    return found


@then("it may write to none")
def writes_to_none(open_to: list[str]) -> None:
    """By mode, owner, group or otherwise."""
    assert not open_to, f"on mail, the account may put something else into {open_to}"


@given("there is mail in the mail store, and the mail queue is lost", target_fixture="before")
def queue_is_lost(mail: Host, target: Target) -> list[Folder]:
    """Returns the other folders as they are then, a letter of vmail's among what they hold."""
    letter = f"{storage.path(target, 'mail store')}/{LETTER}"
    lost = storage.path(target, LOST)
    mail.run_expect([0], "install --owner=vmail --group=vmail --mode=0600 /dev/null %s", letter)
    mail.run_expect([0], "rm -r %s", lost)
    return [folder for folder in read_all(mail, target) if folder["path"] != lost]


@then("the mail queue is there, empty and root's until task 1.4.2")
def queue_is_back(mail: Host, target: Target) -> None:
    """As the task makes a folder."""
    queue = named(read_all(mail, target), storage.path(target, LOST))
    seen = (queue["there"], queue["user"], queue["group"], queue["mode"], queue["entries"])
    assert seen == (True, "root", "root", "rwxr-xr-x", []), f"the mail queue on mail is now {queue}"


@then("every other folder has kept its owner, its mode and what it holds")
def others_kept(mail: Host, target: Target, before: list[Folder]) -> None:
    """What a service adds in the meantime is its own affair."""
    now = read_all(mail, target)
    for was in before:
        folder = named(now, was["path"])
        lost = sorted(set(was["entries"]) - set(folder["entries"]))
        same = [folder[field] == was[field] for field in ("there", "user", "group", "mode")]
        assert all(same), f"{TASK} changed {was['path']} from {was} to {folder}"
        assert not lost, f"after {TASK}, {was['path']} on mail lacks or has changed: {lost}"
