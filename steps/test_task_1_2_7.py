"""1.2.7: the administrator's UID and files, and the sudoers files."""

from collections.abc import Callable

from pytest_bdd import given, parsers, scenarios, then, when
from testinfra.host import Host

from lab.provisioning import Play
from proof.parsers import sudo_rules
from proof.probes import ownership, sudoers
from proof.probes.ownership import Owned
from proof.probes.sudoers import Conffile

scenarios("../features/task_1.2.7.feature")

MAIN = "/etc/sudoers"
FOLDER = "/etc/sudoers.d/"
PACKAGE = "sudo"
CLEAN_UP = "cleanup_main_sudoers.yml"


def main_file(mail: Host) -> Conffile:
    """The main file beside what its package shipped."""
    found: Conffile = mail.call(sudoers.conffile, PACKAGE, MAIN)
    return found


@when(parsers.parse("the owners of all files in {name}'s home are looked up"), target_fixture="strangers")
def look_up_home(mail: Host, name: str) -> list[Owned]:
    """Whatever is not entirely its own."""
    user = mail.user(name)
    found: list[Owned] = mail.call(ownership.not_owned_by, user.home, user.uid, user.gid)
    return found


@then(parsers.parse("every one of them belongs to {name}"))
def all_belong(strangers: list[Owned], name: str) -> None:
    assert not strangers, f"in {name}'s home on mail: {strangers[:20]}"


@then("the main sudoers file is the one that its package shipped")
def main_is_shipped(mail: Host) -> None:
    """By the digest that dpkg keeps; and the package really ships it."""
    main = main_file(mail)
    assert main["shipped"], f"package {PACKAGE} on mail ships no {main['path']}"
    assert main["present"] == main["shipped"], f"on mail: {main}"


@given("a person has written rules into the main sudoers file")
def edited(mail: Host) -> None:
    """A change that many guides recommend."""
    mail.run_expect([0], "sed -i %s %s", "s/^%sudo.*/%sudo ALL=(ALL:ALL) NOPASSWD: ALL/", MAIN)
    main = main_file(mail)
    assert main["present"] != main["shipped"], f"the stage is not set: {main}"


@when("the clean-up of the main sudoers file runs", target_fixture="played")
def clean_up(play: Callable[..., Play]) -> Play:
    return play(CLEAN_UP)


@when(parsers.parse("sudo is asked what {name} may do and which file says so"), target_fixture="entries")
def ask_sudo(mail: Host, name: str) -> tuple[sudo_rules.Entry, ...]:
    """sudo's own account of its rules."""
    return sudo_rules.entries(mail.check_output("sudo -ll -U %s", name))


@then(parsers.parse("a file in the folder for local rules frees {name} from passwords"))
def freed_by_folder(entries: tuple[sudo_rules.Entry, ...], name: str) -> None:
    """For every command, and in no other file."""
    freeing = [entry for entry in entries if not entry.asks]
    shown = "\n".join(str(entry) for entry in entries)
    assert freeing, f"on mail nothing frees {name} from passwords:\n{shown}"
    assert all(entry.file.startswith(FOLDER) for entry in freeing), f"rules for {name} on mail:\n{shown}"
    assert any("ALL" in entry.commands for entry in freeing), f"rules for {name} on mail:\n{shown}"
