"""Users and groups: testinfra's answers, and right ones where its own are wrong."""

import os
import pwd
from collections.abc import Callable
from pathlib import Path

import pytest

from proof.transport.errors import NoAnswerError
from proof.transport.modules.account import Group, User
from proof.transport.rpc import accounts
from proof.transport.rpc.errors import UnanswerableError
from tests.proof.transport.here import LocalAsker

Shadow = Callable[[str], None]


@pytest.fixture
def asker() -> LocalAsker:
    return LocalAsker()


@pytest.fixture
def shadow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shadow:
    monkeypatch.setattr(accounts, "SHADOW", tmp_path / "shadow")

    def write(line: str) -> None:
        (tmp_path / "shadow").write_text(f"daemon:*:1::::::\n{line}\n")

    return write


def test_a_user(asker: LocalAsker) -> None:
    root = User(asker, "root")
    assert root.exists
    assert (root.uid, root.gid, root.group, root.home) == (0, 0, "root", "/root")
    assert root.groups[0] == "root"


def test_no_name_is_the_current_user(asker: LocalAsker) -> None:
    assert User(asker).name == pwd.getpwuid(os.geteuid()).pw_name


def test_a_number_is_no_name(asker: LocalAsker) -> None:
    """testinfra asks id(1), which takes 0 for root; and getent, which takes 0 for the group root."""
    assert not User(asker, "0").exists
    assert not Group(asker, "0").exists


def test_no_entry(asker: LocalAsker) -> None:
    """testinfra's group that is not there has no members, which says too little."""
    assert not User(asker, "nobody-there").exists
    with pytest.raises(NoAnswerError, match="there is no user nobody-there"):
        _ = User(asker, "nobody-there").uid
    with pytest.raises(NoAnswerError, match="there is no user nobody-there"):
        _ = User(asker, "nobody-there").password
    assert not Group(asker, "nobody-there").exists
    with pytest.raises(NoAnswerError, match="there is no group nobody-there"):
        _ = Group(asker, "nobody-there").members


def test_members_by_their_first_group_count(asker: LocalAsker) -> None:
    """testinfra sees the fourth field of the group's line only."""
    assert "root" in Group(asker, "root").members
    assert Group(asker, "root").gid == 0


def test_a_group_without_a_name_is_its_number(asker: LocalAsker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.getgrouplist", lambda *_: [0, 4242])
    assert User(asker, "root").groups == ["root", "4242"]


def test_a_password_is_not_shown(asker: LocalAsker, shadow: Shadow) -> None:
    shadow("root:$y$hash:1:2:90:7:::")
    assert [User(asker, "root").password] == ["$y$hash"]
    assert not any("$y$" in answer for _, answer in asker.asked)
    shadow("root:!:1:::::")
    assert [User(asker, "root").password] == ["!"]


def test_a_user_outside_the_shadow_file(asker: LocalAsker, shadow: Shadow) -> None:
    shadow("rooty:*::::::")
    with pytest.raises(UnanswerableError, match="user root has no entry"):
        _ = User(asker, "root").password
