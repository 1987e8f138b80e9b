import base64
import gzip
import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from lab import ssh_access
from lab.errors import LabError
from lab.paths import ROOT
from proof.evidence.run_folder import RunFolder
from proof.gherkin import feature_files
from proof.hosts.connections import has
from proof.hosts.preflight import route_to
from proof.hosts.target import Target
from proof.rehearsal import run, stand_in
from tests.fakes import Done, FakeLab

PYTEST = (str(Path(sys.executable).with_name("pytest")), "-p", "no:cacheprovider")


class Host(FakeLab):
    """Snapshots one after the other, each a section of files."""

    def __init__(self, *snapshots: dict[str, str], status: int = 0) -> None:
        super().__init__()
        self.snapshots = list(snapshots)
        self.status = status
        self.logins = b"session-1.scope loaded active\n"

    def exec(self, node: str, argv: Sequence[str], stdin: bytes = b"", timeout: float = 60.0) -> Done:
        del stdin, timeout
        self.did.append(f"{node}: {' '.join(argv)[:30]}")
        if argv[0] == "systemctl":
            return Done(0, self.logins)
        if argv[0] != "python3":
            return Done(self.status, b"", b"no such qdisc")
        text = json.dumps({"files": self.snapshots.pop(0)}).encode()
        return Done(self.status, base64.b64encode(gzip.compress(text)), b"no room")


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Target:
    return stand_in.make(tmp_path_factory.mktemp("project") / "stand-in")


@pytest.fixture
def folder(target: Target) -> Path:
    assert target.ssh_config
    return target.ssh_config.parent


def test_the_stand_in_is_production_in_every_respect_but_its_place(target: Target, folder: Path) -> None:
    assert (target.name, target.resettable) == ("vultr", False)
    assert target.text("public_address") == "198.51.100.25"
    assert has(target, "outsider")
    assert not has(target, "intruder")
    assert Path(target.text("admin_public_key_file")).is_absolute()
    assert (folder / "features" / "task_1.2.1.feature").is_file()
    assert not (folder / "provision" / "inventory" / "lab.yml").exists()


@pytest.fixture
def rehearse(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, target: Target) -> Callable[..., int]:
    def perform(lab: FakeLab, proved: int = 0, delay: int = 0) -> int:
        def prove(*_: object) -> int:
            lab.did.append("prove")
            return proved

        monkeypatch.setattr(run, "prove", prove)
        return run._rehearse(lab, target, RunFolder.create(tmp_path / "build", "vultr"), delay, [])

    return perform


def test_a_run_that_leaves_nothing_passes(rehearse: Callable[..., int]) -> None:
    assert rehearse(Host({"/a": "1"}, {"/a": "1"})) == 0


def test_a_run_that_leaves_a_file_fails_and_names_it(
    tmp_path: Path, rehearse: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    assert rehearse(Host({"/a": "1"}, {"/a": "1", "/b": "2"})) == 1
    assert "files: new: /b" in capsys.readouterr().out
    assert "/b" in next((tmp_path / "build").rglob("left-behind.txt")).read_text()


def test_what_pytest_reports_counts_more(rehearse: Callable[..., int]) -> None:
    assert rehearse(Host({"/a": "1"}, {"/a": "2"}), proved=12) == 12


def test_a_login_that_stays_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "LOGOUT_SECONDS", 0.0)
    run.await_logout(Host(), {"session-1.scope", "session-2.scope"})
    with pytest.raises(LabError, match=r"logins on mail have not ended: session-1\.scope"):
        run.await_logout(Host(), {"session-2.scope"})


def test_the_line_is_slow_while_the_suite_runs_and_no_longer(rehearse: Callable[..., int]) -> None:
    lab = Host({}, {})
    rehearse(lab, delay=100)
    assert [did.partition(" root")[0] for did in lab.did if not did.startswith("mail")] == [
        "hub: tc qdisc add dev runner",
        "prove",
        "hub: tc qdisc del dev runner",
    ]
    with pytest.raises(LabError, match="no such qdisc"), run.slow_line(Host(status=2), 100):
        pass


def test_a_snapshot_that_cannot_be_taken_is_no_difference(rehearse: Callable[..., int]) -> None:
    with pytest.raises(LabError, match="no room"):
        rehearse(Host({}, status=1))


def test_a_run_in_the_stand_in_finds_the_same_scenarios(folder: Path) -> None:
    done = subprocess.run(
        [*PYTEST, "--host=vultr", "--collect-only", "-q"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    feature = feature_files.read(ROOT / "features" / "task_1.2.1.feature")
    untagged = sum(scenario.cases for _, scenario in feature.scenarios() if not scenario.disruptive)
    assert done.stdout.count("steps/test_task_1_2_1.py::") == untagged


def test_it_is_reached_through_settings_of_ssh_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = tmp_path / "lab_config"
    settings.write_text('Host 10.100.0.25\n    ProxyCommand "relay" %h %p\n')
    monkeypatch.setattr(ssh_access, "SSH_CONFIG", settings)
    assert route_to(stand_in.make(tmp_path / "stand-in")).proxy.startswith('"relay"')


@pytest.mark.parametrize("node", run.NOT_REHEARSED)
def test_what_is_not_rehearsed_exists(folder: Path, node: str) -> None:
    done = subprocess.run(
        [*PYTEST, "--host=vultr", "--collect-only", "-q", node], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
