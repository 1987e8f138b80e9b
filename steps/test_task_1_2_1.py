"""1.2.1: who becomes root through sudo, who does not, and the files with the rules."""

from dataclasses import dataclass

from pytest_bdd import given, parsers, scenarios, then, when
from testinfra.backend.base import CommandResult
from testinfra.host import Host

from proof.hosts.target import Target
from proof.parsers import sudo_rules
from proof.probes import accounts as onsite_accounts
from proof.probes import sudoers
from proof.probes.accounts import Accounts
from proof.probes.sudoers import RuleFile

scenarios("../features/task_1.2.1.feature")

NEWCOMER = "newcomer"
GROUP = "sudo"
ENTITLED = ("%sudo", "root")
AS_GOOD_AS_ROOT = ("root", "docker", "disk", "shadow", "kmem", "lxd", "libvirt", "wheel", "admin")


@dataclass(frozen=True)
class Check:
    """sudo's verdict on one file, or on all that it reads."""

    path: str
    passed: bool
    output: str


def become_root(mail: Host, user: str) -> CommandResult:
    """Run a command through sudo as some user, without what sudo remembers and without a question."""
    return mail.run("runuser -u %s -- sudo -k -n id -u", user)


def was_root(result: CommandResult) -> bool:
    """Whether the command ran, and as root."""
    return bool(result.rc == 0 and result.stdout == "0\n")


@when("each member of the group sudo runs a command as root", target_fixture="attempts")
def every_member(mail: Host, accounts: Accounts) -> dict[str, CommandResult]:
    return {user: become_root(mail, user) for user in onsite_accounts.members(accounts, GROUP)}


@then("every one of them was root")
def all_were_root(attempts: dict[str, CommandResult]) -> None:
    """And there was someone to try."""
    failed = {user: result for user, result in attempts.items() if not was_root(result)}
    assert attempts, "on mail, the group sudo has no members at all"
    assert not failed, f"sudo did not make these members of the group root on mail: {failed}"


@then("the administrator of this installation was among them")
def administrator_among(attempts: dict[str, CommandResult], target: Target) -> None:
    """The account that the inventory names."""
    assert target.text("admin_user") in attempts, f"members of the group sudo on mail: {sorted(attempts)}"


@given("a newcomer without a password on the mail host", target_fixture="newcomer")
def newcomer(mail: Host) -> str:
    """An account in no group but its own."""
    mail.run_expect([0], "useradd --create-home --shell /bin/bash %s", NEWCOMER)
    before = become_root(mail, NEWCOMER)
    assert not was_root(before), f"outside the group, the newcomer is root on mail already: {before}"
    return NEWCOMER


@given("a newcomer in the group sudo who has just been root", target_fixture="newcomer")
def newcomer_in_group(mail: Host) -> str:
    """Membership, and a use of it that sudo might remember."""
    mail.run_expect([0], "useradd --create-home --shell /bin/bash --groups %s %s", GROUP, NEWCOMER)
    used = mail.run("runuser -u %s -- sudo -n id -u", NEWCOMER)
    assert was_root(used), f"in the group, the newcomer is not root on mail: {used}"
    return NEWCOMER


@when(parsers.re("the newcomer (?P<verb>joins|leaves) the group sudo"))
def newcomer_changes_group(mail: Host, newcomer: str, verb: str) -> None:
    """As `adduser NAME sudo` and `deluser NAME sudo` do it."""
    option = {"joins": "--add", "leaves": "--delete"}[verb]
    mail.run_expect([0], "gpasswd %s %s %s", option, newcomer, GROUP)


@then("the newcomer becomes root without being asked")
def newcomer_becomes_root(mail: Host, newcomer: str) -> None:
    result = become_root(mail, newcomer)
    assert was_root(result), f"in the group, the newcomer is not root on mail: {result}"


@then("the newcomer is refused")
def newcomer_refused(mail: Host, newcomer: str) -> None:
    """With what sudo may have remembered, and without."""
    for result in (mail.run("runuser -u %s -- sudo -n id -u", newcomer), become_root(mail, newcomer)):
        assert result.rc == 1, f"out of the group, the newcomer is not refused on mail: {result}"


@given("an account of the mail host that is not in the group sudo", target_fixture="outsider_account")
def account_outside(mail: Host) -> str:
    """The account that owns nothing, or the first that will do."""
    found: Accounts = mail.call(onsite_accounts.read)
    entitled = {*onsite_accounts.members(found, GROUP), "root"}
    outside = [user["name"] for user in found["users"] if user["name"] not in entitled and user["uid"] != 0]
    return "nobody" if "nobody" in outside else outside[0]


@when("that account runs a command as root", target_fixture="attempt")
def account_attempts(mail: Host, outsider_account: str) -> CommandResult:
    return become_root(mail, outsider_account)


@then("sudo refuses it")
def sudo_refuses(attempt: CommandResult) -> None:
    """A refusal is sudo's own, and nothing ran."""
    refused = attempt.rc == 1 and not attempt.stdout and attempt.stderr.startswith("sudo: ")
    assert refused, f"sudo on mail did not refuse an account outside the group: {attempt}"


@then("root alone has its number")
def one_root(accounts: Accounts) -> None:
    """The kernel knows numbers, not names."""
    found = [user["name"] for user in accounts["users"] if user["uid"] == 0]
    assert found == ["root"], f"on mail, these accounts are root: {found}"


@then("no one who is no administrator is in a group that can become root without sudo")
def no_way_around(accounts: Accounts) -> None:
    """By a container that mounts the disk, by the disk itself, or by the file of passwords."""
    administrators = {*onsite_accounts.members(accounts, GROUP), "root"}
    found = {group: set(onsite_accounts.members(accounts, group)) - administrators for group in AS_GOOD_AS_ROOT}
    others = {group: sorted(names) for group, names in found.items() if names}
    assert not others, f"on mail, these accounts can become root without sudo: {others}"


@when("sudo's rules are read as a whole", target_fixture="named")
def read_rules(mail: Host) -> tuple[str, ...]:
    """All files, as sudo's own parser joins them."""
    rules = mail.check_output("cvtsudoers --expand-aliases --output-format json /etc/sudoers")
    return sudo_rules.named(rules)


@then("they grant something to root and to the group sudo only")
def only_the_entitled(named: tuple[str, ...]) -> None:
    """Exactly these two: without the rule for the group there is no administrator."""
    assert named == ENTITLED, f"sudo's rules on mail name {', '.join(named)}"


@given("every file that holds rules for sudo", target_fixture="rule_files")
def every_file(mail: Host) -> list[RuleFile]:
    """The main file and the folder beside it."""
    found: list[RuleFile] = mail.call(sudoers.files)
    return found


@when("each of them is checked the way sudo reads it", target_fixture="checks")
def check_each(mail: Host, rule_files: list[RuleFile]) -> list[Check]:
    """All at once, owners and modes included; then those too that sudo would pass over."""
    together = mail.run("visudo --check")
    read = sudo_rules.files_checked(together.stdout)
    checks = [Check("all that sudo reads", together.rc == 0, together.stdout + together.stderr)]
    for file in rule_files:
        if not file["folder"] and file["path"] not in read:
            alone = mail.run("visudo --check --file=%s", file["path"])
            checks.append(Check(file["path"], alone.rc == 0, alone.stdout + alone.stderr))
    return checks


@then("none has a fault")
def none_has_a_fault(checks: list[Check]) -> None:
    """visudo's words if there is one."""
    faults = [check for check in checks if not check.passed]
    assert not faults, "visudo on mail finds faults:\n" + "\n".join(f"{c.path}: {c.output}" for c in faults)


@when("sudo lists the files that it reads", target_fixture="read_files")
def list_read(mail: Host) -> tuple[str, ...]:
    """visudo follows the includes exactly as sudo does."""
    return sudo_rules.files_checked(mail.run("visudo --check").stdout)


@then("it leaves none of them out")
def none_left_out(rule_files: list[RuleFile], read_files: tuple[str, ...]) -> None:
    """A file that is not read is a rule someone believes in."""
    left_out = [file["path"] for file in rule_files if not file["folder"] and file["path"] not in read_files]
    assert not left_out, f"sudo on mail reads {read_files}, but not {left_out}"


@then("each belongs to root, and no one can write it")
def root_and_0440(rule_files: list[RuleFile]) -> None:
    """Every file, and there are some."""
    files = [file for file in rule_files if not file["folder"]]
    wrong = [file for file in files if (file["uid"], file["gid"], file["mode"]) != (0, 0, "0440")]
    assert len(files) > 1, f"on mail there are no local rules at all: {rule_files}"
    assert not wrong, f"sudoers files on mail that are not root:root 0440: {wrong}"


@then("the folder around them can be changed by root only")
def folder_is_roots(rule_files: list[RuleFile]) -> None:
    """Whoever may write to the folder may replace its files."""
    folders = [file for file in rule_files if file["folder"]]
    wrong = [f for f in folders if (f["uid"], f["gid"]) != (0, 0) or int(f["mode"], 8) & 0o022]
    assert not wrong, f"folders of sudo's rules on mail that others can change: {wrong}"
