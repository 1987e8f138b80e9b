"""1.4.3: quotas are off, and the scripts switch them on and off again."""

from collections.abc import Sequence
from dataclasses import dataclass

from pytest_bdd import given, parsers, scenarios, then, when
from testinfra.backend.base import CommandResult
from testinfra.host import Host

from proof.hosts.target import Target
from proof.probes import quotas
from proof.probes.quotas import Quotas
from steps import storage

scenarios("../features/task_1.4.3.feature")

FSTAB = "/etc/fstab"
OWNER = "vmail"
SCRATCH = "/mnt/quota-trial"
MAKE_SCRATCH = f"""
truncate --size=64M /var/tmp/quota-trial.img
mkfs.ext4 -q /var/tmp/quota-trial.img
mkdir {SCRATCH}
echo '/var/tmp/quota-trial.img {SCRATCH} ext4 loop,noauto 0 0' >> {FSTAB}
mount {SCRATCH}
install --directory --owner={OWNER} --group={OWNER} {SCRATCH}/mail
"""
ON, OFF = 0, 3
EXCEEDED = "Disk quota exceeded"


@dataclass(frozen=True)
class Place:
    """A file system: the scripts' argument for it, vmail's folder there, and the table of file systems before."""

    told: tuple[str, ...]
    folder: str
    fstab: bytes


def script(target: Target, name: str) -> str:
    """Path of a script or its manual."""
    return f"{target.text('quota_home')}/{name}"


@then("these programs are on the host:")
def programs_there(mail: Host, datatable: Sequence[Sequence[object]]) -> None:
    missing = [name for (name,) in storage.rows(datatable) if not mail.exists(name)]
    assert not missing, f"mail lacks the programs {missing}"


@when("the quotas of all file systems are looked up", target_fixture="state")
def look_up_quotas(mail: Host) -> Quotas:
    """The kernel, the mounts and the table of file systems."""
    found: Quotas = mail.call(quotas.state)
    return found


@then(parsers.re("no quota is on (?P<moment>now|after a reboot)"))
def no_quota_is_on(state: Quotas, moment: str) -> None:
    """Neither counted by the kernel, nor asked for by a mount, nor by the table of file systems for the next boot."""
    on = state["listed"] if moment == "after a reboot" else state["on"] + state["mounted"]
    assert not on, f"quotas on mail, {moment}: {state}"


@when("the manual of the quota scripts is read", target_fixture="manual")
def read_manual(mail: Host, target: Target) -> str:
    return str(mail.file(script(target, "README.md")).content_string)


@then("it names these scripts:")
def manual_names(manual: str, datatable: Sequence[Sequence[object]]) -> None:
    missing = [name for (name,) in storage.rows(datatable) if name not in manual]
    assert not missing, f"the manual on mail does not name {missing}"


@given(
    parsers.re("(?P<kind>a scratch|the mail store's own) file system with a folder of vmail's"), target_fixture="place"
)
def file_system(mail: Host, target: Target, kind: str) -> Place:
    """A scratch one in a file, with an entry in the table of file systems; or the default of the scripts."""
    if kind == "a scratch":
        mail.run_expect([0], "sh -eu", stdin=MAKE_SCRATCH)
        return Place((SCRATCH,), f"{SCRATCH}/mail", mail.file(FSTAB).content)
    return Place((), storage.path(target, "mail store"), mail.file(FSTAB).content)


@when("quotas are enabled there, twice, and vmail may use 6 MiB")
def enable(mail: Host, target: Target, place: Place) -> None:
    """The second time finds everything done."""
    for _ in range(2):
        use(mail, target, "enable_quotas.sh", *place.told)
    use(mail, target, "set_quota.sh", OWNER, "6M", "6M", *place.told)


def use(mail: Host, target: Target, name: str, *arguments: str) -> None:
    """Run a script, which has to succeed."""
    words = " ".join(["%s"] * (1 + len(arguments)))
    mail.run_expect([0], words, script(target, name), *arguments, timeout=120)


@when("vmail writes files of 2 MiB and of 12 MiB", target_fixture="written")
def write(mail: Host, place: Place) -> tuple[CommandResult, CommandResult]:
    return _write(mail, place, 2), _write(mail, place, 12)


def _write(mail: Host, place: Place, size: int) -> CommandResult:
    file = f"of={place.folder}/{size}.trial"
    command = "runuser -u %s -- env LC_ALL=C dd if=/dev/zero %s bs=1M count=%s status=none"
    return mail.run(command, OWNER, file, str(size))


@then("the small file is written, and the large one is refused for the quota's sake")
def small_only(written: tuple[CommandResult, CommandResult]) -> None:
    small, large = written
    assert small.rc == 0, f"on mail, {OWNER} was refused below its limit: {small}"
    assert large.rc != 0, f"on mail, {OWNER} wrote past its limit: {large}"
    assert EXCEEDED in large.stderr, f"on mail, {OWNER} was refused for something else: {large}"


@then("both files are written")
def both_written(written: tuple[CommandResult, CommandResult]) -> None:
    assert [result.rc for result in written] == [0, 0], f"on mail, {OWNER} is still refused: {written}"


@when("quotas are undone there")
def undo(mail: Host, target: Target, place: Place) -> None:
    """By the script that enabled them."""
    use(mail, target, "enable_quotas.sh", "--undo", *place.told)


@then(parsers.parse("the status says that quotas are {state}"))
def status_says(mail: Host, target: Target, place: Place, state: str) -> None:
    """By its exit status, for programs, and in words."""
    words = " ".join(["%s"] * (1 + len(place.told)))
    status = mail.run(words, script(target, "check_quotas.sh"), *place.told)
    wanted = {"on": ON, "off": OFF}[state]
    assert status.rc == wanted, f"check_quotas.sh on mail does not say that quotas are {state}: {status}"


@then("the table of file systems is as it was, byte for byte")
def fstab_as_before(mail: Host, place: Place) -> None:
    """Nothing of the scripts' changes is left."""
    now = mail.file(FSTAB).content
    assert now == place.fstab, f"{FSTAB} on mail was {place.fstab!r}, now {now!r}"
