"""The whole host beside the reference: whatever is more, less or other must be explained."""

from collections.abc import Sequence
from datetime import UTC, datetime

import pytest
from pytest_bdd import given, parsers, scenarios, then, when
from testinfra.host import Host

from proof.deployment import sources
from proof.evidence.recorder import Recorder
from proof.hosts import target as targets
from proof.hosts.target import Target
from proof.probes import origin
from proof.whole_host import declarations, exceptions, reference
from proof.whole_host.comparison import Difference, HostSnapshot, differences
from proof.whole_host.declarations import Declaration
from proof.whole_host.reference import Reference
from steps import whole_host

scenarios("../features/whole_host.feature")

SHOWN = 25  # findings in a message; the evidence has all


@pytest.fixture(scope="session")
def host_now(mail: Host, target: Target) -> HostSnapshot:
    """The host as it is, looked at once a run, for calm scenarios."""
    return whole_host.look(mail, target)


@pytest.fixture(scope="session")
def declared(target: Target) -> list[Declaration]:
    """What the operator declared as additions, in the copy of the inventory if a sabotage made one."""
    copy = sources.copy()
    return declarations.read(targets.load(target.name, copy) if copy else target)


@given("the reference of this provisioning", target_fixture="expected_host")
def has_reference(evidence: Recorder) -> Reference:
    """Taken in the lab, from the last layer of the same provisioning."""
    found = reference.read_newest()
    if found is None:
        pytest.skip("no reference of this provisioning is there; lab up makes one")
    evidence.note(f"the reference is of the lab after task {found.task}")
    return found


@when("the whole host is looked at", target_fixture="found")
def look_once(host_now: HostSnapshot, expected_host: Reference) -> list[Difference]:
    """Returns all differences to the reference, declared ones among them."""
    return compared(host_now, expected_host)


@when("the whole host is looked at after it", target_fixture="found")
def look_after_reboot(looks_after_reboot: list[HostSnapshot], expected_host: Reference) -> list[Difference]:
    """As it was found once everything had started."""
    return compared(looks_after_reboot[0], expected_host)


def compared(now: HostSnapshot, expected: Reference) -> list[Difference]:
    """The differences that nothing but a declaration can explain."""
    return differences(expected.taken, now, exceptions.merged(exceptions.TIME, exceptions.USE))


@then(parsers.parse('everything about its "{section}" is explained'))
def section_explained(
    found: list[Difference], section: str, declared: list[Declaration], mail: Host, target: Target, evidence: Recorder
) -> None:
    """By the reference, by a package, or by the operator's declaration."""
    for one in declared:
        if one.section == section:
            evidence.note(f"declared by the operator: {one}")
    must_be_explained([one for one in found if one.section == section], declared, mail, target)


@then("everything about it is explained")
def all_explained(found: list[Difference], declared: list[Declaration], mail: Host, target: Target) -> None:
    """In every section."""
    must_be_explained(found, declared, mail, target)


def must_be_explained(found: Sequence[Difference], declared: Sequence[Declaration], mail: Host, target: Target) -> None:
    """Fails with each finding, when it came about as far as the host knows, and the lines that would declare it."""
    today = datetime.now(UTC).date()
    left = declarations.unexplained(found, declared, today)
    if not left:
        return
    paths = [one.name for one in left if one.section == "files"][:SHOWN]
    known: dict[str, str] = mail.call(origin.of, paths) if paths else {}
    told = [f"{one}" + (f"\n    {known[one.name]}" if one.name in known else "") for one in left[:SHOWN]]
    if len(left) > SHOWN:
        told.append(f"... and {len(left) - SHOWN} more")
    lines = "\n".join(declarations.lines(left[:SHOWN], today))
    raise AssertionError(
        f"{target.name} is not the host that the provisioning makes; unexplained on mail: {len(left)}\n"
        + "\n".join(told)
        + f"\nIf it is meant, declare it in {target.source}:\n{lines}"
    )


@then("each declared addition of the inventory explains a difference, and its day has not passed")
def none_idle(found: list[Difference], declared: list[Declaration], target: Target, evidence: Recorder) -> None:
    """So that declarations do not outlive what they were made for."""
    evidence.note(f"the inventory of {target.name} declares {len(declared)} additions")
    wrong = declarations.idle(found, declared, datetime.now(UTC).date())
    assert not wrong, f"{target.source} declares what is not so: " + "; ".join(wrong)
