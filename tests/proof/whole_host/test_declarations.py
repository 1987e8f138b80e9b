"""What the operator declares: which differences it explains, until when, and what is wrong with an entry."""

from datetime import date
from typing import Any

import pytest
import yaml

from lab.errors import UsageError
from proof.hosts.target import Target
from proof.whole_host import declarations
from proof.whole_host.comparison import Difference

TODAY = date(2026, 3, 1)
METRICS = {
    "section": "listeners",
    "name": "tcp 10.*:9100 *",
    "reason": "metrics",
    "author": "me",
    "until": "2026-04-01",
}
LISTENER = Difference("listeners", "tcp 10.100.0.25:9100 node", "", "1")
OTHER = Difference("listeners", "tcp 0.0.0.0:9100 node", "", "1")


def read(*entries: Any) -> list[declarations.Declaration]:
    variables = {declarations.VARIABLE: list(entries)}
    return declarations.read(Target("vultr", variables, None, resettable=False))


def test_a_declaration_explains_what_it_names_until_its_day() -> None:
    declared = read(METRICS)
    assert declarations.unexplained([LISTENER, OTHER], declared, TODAY) == [OTHER]
    assert declarations.unexplained([LISTENER], declared, date(2026, 4, 1)) == []
    assert declarations.unexplained([LISTENER], declared, date(2026, 4, 2)) == [LISTENER]


def test_a_declaration_that_expired_or_explains_nothing_is_told() -> None:
    declared = read(METRICS)
    assert declarations.idle([LISTENER], declared, TODAY) == []
    assert declarations.idle([OTHER], declared, TODAY)[0].startswith("explains nothing any more: listeners: tcp")
    assert declarations.idle([LISTENER], declared, date(2027, 1, 1))[0].startswith("expired: ")


@pytest.mark.parametrize(
    ("entry", "named"),
    [
        ({**METRICS, "reason": ""}, "reason"),
        ({**METRICS, "until": "soon"}, "until"),
        ({**METRICS, "untill": "x"}, "untill"),
        ("listeners", "section, name, reason, author, until"),
    ],
)
def test_an_entry_that_cannot_be_read_is_named(entry: Any, named: str) -> None:
    with pytest.raises(UsageError, match=f"lacks or misspells {named}"):
        read(entry)


def test_no_list_is_no_declaration() -> None:
    with pytest.raises(UsageError, match="is no list"):
        declarations.read(Target("vultr", {declarations.VARIABLE: "all"}, None, resettable=False))


def test_the_offered_lines_declare_what_was_found() -> None:
    found = [
        LISTENER,
        Difference("files", "/etc/it's [here]*", "", "1"),
        Difference("containers", "container metrics Config Cmd", "", "1"),
        Difference("containers", "container metrics Config User", "", "1"),
    ]
    text = "\n".join(declarations.lines(found, TODAY))
    offered = yaml.safe_load(text)[declarations.VARIABLE]
    assert len(offered) == 3  # one for the container
    assert declarations.unexplained(found, read(*offered), TODAY) == []
    assert declarations.unexplained([Difference("files", "/etc/it's [here]x", "", "1")], read(*offered), TODAY)
