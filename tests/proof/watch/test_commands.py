"""What the commands write and print, and what they refuse."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml

from lab.errors import LabError, UsageError
from proof.hosts import target as targets
from proof.watch import commands, notify, units
from proof.watch import memory as memories
from proof.watch import watch as watching
from proof.watch.memory import Criterion, Memory, Message
from proof.watch.watch import Settings, Watch
from proof.whole_host.declarations import VARIABLE


@pytest.fixture
def watch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Watch:
    """The watch of vultr, on a machine where units are only noted."""
    monkeypatch.setattr(watching, "BUILD", tmp_path)
    monkeypatch.setattr(targets, "known", lambda: ["lab", "vultr"])
    monkeypatch.setattr(notify, "urls", lambda: ["json://a"])
    monkeypatch.setattr(units, "install", lambda host, calendar: [Path(f"/{host}-{calendar}")])
    monkeypatch.setattr(units, "next_looks", lambda _: "")
    made = Watch.of("vultr")
    made.folder.mkdir(parents=True)
    return made


def test_what_was_installed_counts_for_each_look(watch: Watch, capsys: pytest.CaptureFixture[str]) -> None:
    assert commands.main(["install", "--host=vultr", "--calm=quarter-hourly", "--metrics=/m/x.prom"]) == 0
    assert capsys.readouterr().out == "/vultr-*:0/15\n"
    assert watch.settings() == Settings("quarter-hourly", "daily", "/m/x.prom")


def test_who_tells_no_one_is_told(
    watch: Watch, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(notify, "urls", list)
    commands.main(["install", "--host=vultr"])
    assert "No one is told anything yet" in capsys.readouterr().out
    with pytest.raises(LabError, match="There is no address"):
        commands.main(["test", "--host=vultr"])
    assert watch.settings() == Settings()


def test_a_test_message_that_does_not_arrive_is_an_error(watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    del watch
    sent: list[Message] = []

    def arrives(messages: Sequence[Message]) -> list[Message]:
        sent.extend(messages)
        return []

    monkeypatch.setattr(notify, "send", arrives)
    assert commands.main(["test", "--host=vultr"]) == 0
    assert sent[0].title == "vultr: a test of the watch"
    monkeypatch.setattr(notify, "send", list)
    with pytest.raises(LabError, match="did not reach every address"):
        commands.main(["test", "--host=vultr"])


@pytest.mark.parametrize("host", ["lab", "nowhere"])
def test_only_a_production_host_can_be_watched(watch: Watch, host: str) -> None:
    del watch
    with pytest.raises(UsageError, match=f"no host {host} to watch") as error:
        commands.main(["run", f"--host={host}"])
    assert error.value.hint == "known: vultr"


def test_the_status_tells_what_is_red_and_what_is_paused(watch: Watch, capsys: pytest.CaptureFixture[str]) -> None:
    at = datetime(2026, 11, 1, 10, 0, tzinfo=UTC)
    memories.write(watch.memory_file, Memory(criteria={"1.3.1 a": Criterion(red=True, since=at)}, looked=at, unseen=at))
    assert commands.main(["pause", "--host=vultr", "--hours=2", "--reason=a kernel"]) == 0
    assert commands.main(["status", "--host=vultr"]) == 1
    told = capsys.readouterr().out
    assert "red since 2026-11-01 10:00 UTC: 1.3.1 a" in told
    assert "Not seen since 2026-11-01 10:00 UTC." in told
    assert ": a kernel" in told
    assert "No timer is installed." in told
    assert commands.main(["resume", "--host=vultr"]) == 0
    commands.main(["status", "--host=vultr"])
    assert "a kernel" not in capsys.readouterr().out


@pytest.fixture
def inventory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(commands, "INVENTORY", tmp_path)
    path = tmp_path / "group_vars" / "production" / "declared.yml"
    monkeypatch.setattr(commands, "DECLARED", path)
    return path


def test_a_declaration_is_added_to_those_that_are_there(inventory: Path) -> None:
    words = ["--reason=metrics", "--author=me"]
    assert commands.declare(["listeners", "tcp 10.100.0.25:9100 *", *words, "--until=2027-06-30"]) == 0
    assert commands.declare(["files", "/etc/motd", *words]) == 0
    first, second = yaml.safe_load(inventory.read_text())[VARIABLE]
    assert first == {
        "section": "listeners",
        "name": "tcp 10.100.0.25:9100 *",
        "reason": "metrics",
        "author": "me",
        "until": "2027-06-30",
    }
    assert second["name"] == "/etc/motd"
    assert inventory.read_text().startswith("---\n# Written by")


def test_declarations_that_stand_elsewhere_are_not_hidden(inventory: Path) -> None:
    other = inventory.with_name("additions.yml")
    other.parent.mkdir(parents=True)
    other.write_text(f"---\n{VARIABLE}: []\n")
    with pytest.raises(UsageError, match=r"written in .*additions\.yml"):
        commands.declare(["files", "/etc/motd", "--reason=x"])
    assert not inventory.exists()
