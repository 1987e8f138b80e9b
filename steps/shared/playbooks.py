"""Playbooks of the tasks, applied to the host."""

from collections.abc import Callable

from pytest_bdd import parsers, then, when

from lab.provisioning import Play

LAST_CHARACTERS = 3000  # of the output of a failed playbook


@when(parsers.re(r"tasks? (?P<ids>[\d.]+(?: and [\d.]+)*) (?:is|are) applied(?: again)?"), target_fixture="played")
def tasks_are_applied(play: Callable[..., Play], ids: str) -> Play:
    """In this order, up to the first that fails."""
    return play(*(f"task_{each}.yml" for each in ids.split(" and ")))


@when("all of the provisioning is applied again", target_fixture="played")
def everything_is_applied(play: Callable[..., Play]) -> Play:
    """The playbook of all tasks."""
    return play("site.yml")


@then("the provisioning succeeds")
def provisioning_succeeds(played: Play) -> None:
    """Every playbook, to its end."""
    assert played.exit_status == 0, f"the provisioning failed:\n{played.stdout[-LAST_CHARACTERS:]}"


@then("the provisioning succeeds and changes nothing")
def provisioning_changes_nothing(played: Play) -> None:
    """By Ansible's count, which names the tasks that changed something."""
    provisioning_succeeds(played)
    assert played.ok, f"the provisioning looked at nothing:\n{played.stdout[-LAST_CHARACTERS:]}"
    assert played.changed == 0, f"these tasks changed something: {', '.join(played.changed_tasks)}"
