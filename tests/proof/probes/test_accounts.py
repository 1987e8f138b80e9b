from pathlib import Path

import pytest

from proof.probes import accounts


@pytest.fixture
def host(tmp_path: Path) -> Path:
    files = {
        "etc/passwd": "root:x:0:0::/root:/bin/bash\nann:x:1000:1000::/home/ann:/bin/bash\n"
        "bob:x:1001:27::/home/bob:/bin/sh\nopen::1002:1002::/:/bin/sh\n",
        "etc/shadow": "root:*:1::::::\nann:!:1::::::\nbob:$y$hash:1::::::\nopen::1::::::\n",
        "etc/group": "root:x:0:\nsudo:x:27:ann\nann:x:1000:\n",
        "etc/gshadow": "sudo:*::ann\nann:!::\n",
        "etc/subuid": "ann:100000:65536\n",
        "etc/sudoers": "# annex\n%sudo ALL=(ALL) ALL\n",
    }
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path


def put(host: Path, name: str, text: str = "") -> str:
    path = host / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return str(path)


def test_reads_users_with_the_state_of_their_password(host: Path) -> None:
    found = accounts.read(str(host / "etc"))
    states = {user["name"]: user["password"] for user in found["users"]}
    assert states == {"root": "locked", "ann": "locked", "bob": "set", "open": "none"}


def test_never_returns_a_hash(host: Path) -> None:
    assert "$y$" not in repr(accounts.read(str(host / "etc")))


def test_a_locked_password_is_distinguished_from_none_and_from_a_real_one() -> None:
    fields = {"!": "locked", "*": "locked", "!*": "locked", "!$y$hash": "locked", "": "none", "$y$hash": "set"}
    assert {field: accounts.password_state(field) for field in fields} == fields


def test_members_are_listed_ones_and_those_whose_first_group_it_is(host: Path) -> None:
    assert accounts.members(accounts.read(str(host / "etc")), "sudo") == ["ann", "bob"]


def test_a_user_that_was_never_there_leaves_no_trace(host: Path) -> None:
    assert not any(accounts.traces("carol", str(host)).values())


def test_a_longer_name_is_no_trace(host: Path) -> None:
    put(host, "etc/cron.d/job", "@daily ann-marie true\n")
    found = accounts.traces("ann", str(host))
    assert (found["sudo"], found["jobs"]) == ([], [])


def test_every_kind_of_trace_is_found(host: Path) -> None:
    home = host / "home/ann"
    home.mkdir(parents=True)
    spool = put(host, "var/mail/ann")
    crontab = put(host, "var/spool/cron/crontabs/ann")
    job = put(host, "etc/cron.d/job", "\n@daily ann true\n")
    rule = put(host, "etc/sudoers.d/90-ann", "ann ALL=(ALL) ALL\n")
    found = accounts.traces("ann", str(host))
    assert len(found["account"]) == 6
    assert found["home"] == [str(home)]
    assert found["mail"] == [spool]
    assert found["jobs"] == [crontab, f"{job}:2: @daily ann true"]
    assert found["sudo"] == [f"{rule}:1: ann ALL=(ALL) ALL"]
