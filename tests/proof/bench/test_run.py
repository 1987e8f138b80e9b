"""The benchmark measures everything once, leaves the lab as it was, and never counts a red run."""

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace

import pytest

from lab import layers
from lab.agent import Completed
from lab.errors import EXIT_USAGE, LabError
from lab.lab import Lab
from proof.bench import checks, database_load, goss
from proof.bench import run as bench
from proof.bench.metrics import Figure

KEYS = {
    *("ratio.stock", "ratio.controlpath", "seconds.reset", "seconds.cold_start", "seconds.provision"),
    *("seconds.untagged", "seconds.untagged.whole", "seconds.all", "seconds.all.whole", "mib.resident", "load.errors"),
    *("gib.chain", "seconds.store"),
}


class FakeLab:
    """Answers at once, and remembers whether it runs."""

    def __init__(self) -> None:
        self.runs = False
        self.did: list[str] = []

    def up(self) -> None:
        self.runs = True
        self.did.append("up")

    def down(self) -> None:
        self.runs = False
        self.did.append("down")

    def reset(self) -> None:
        self.did.append("reset")

    def exec(self, _node: str, _argv: Sequence[str]) -> Completed:
        return Completed(0, b"", b"")

    def status(self) -> SimpleNamespace:
        memory = {"mail": 1200.0, "hub": 400.0 + len(self.did)}
        return SimpleNamespace(resident_mib=memory, accelerator="tcg", provider="qemu", layer="key")


class Commands:
    """Commands of the benchmark, with the exit status each is to have."""

    def __init__(self) -> None:
        self.ran: list[list[str]] = []
        self.caches: list[str] = []
        self.status = {"pytest": 0, "lab": 0}

    def run(self, command: Sequence[str | Path], **settings: object) -> subprocess.CompletedProcess[str]:
        words = [str(word) for word in command]
        self.ran.append(words)
        environment = settings.get("env")
        if isinstance(environment, dict):
            self.caches.append(environment["MAIL_LAB_CACHE"])
        return subprocess.CompletedProcess(words, self.status[Path(words[0]).name], "2 failed", "")


@pytest.fixture
def lab(monkeypatch: pytest.MonkeyPatch) -> FakeLab:
    made = FakeLab()
    monkeypatch.setattr(Lab, "of_checkout", lambda: made)
    return made


@pytest.fixture
def commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Commands:
    made = Commands()
    seconds = {"stock": [30.0, 32.0], "controlpath": [3.0, 3.2], "ours": [0.2, 0.3, 0.4]}
    cache = tmp_path / "cache"
    cache.mkdir()
    monkeypatch.setenv("MAIL_LAB_CACHE", str(cache))
    monkeypatch.setattr(bench, "BUILD", tmp_path / "build")
    monkeypatch.setattr(bench, "FILE", tmp_path / "build/bench.json")
    monkeypatch.setattr(checks, "measure", lambda: (seconds, []))
    monkeypatch.delenv(goss.VARIABLE, raising=False)
    monkeypatch.setattr(bench, "load", lambda name: name)
    stored = [SimpleNamespace(storing=seconds, size=lambda: 1 << 28) for seconds in (1.0, 0.0, 3.0)]
    monkeypatch.setattr(layers, "chain", lambda key: stored if key == "key" else [])
    monkeypatch.setattr(database_load, "measure", lambda _: [Figure("load.errors", "errors", 0, [0], 0)])
    monkeypatch.setattr("subprocess.run", made.run)
    monkeypatch.setattr("sys.argv", ["bench"])
    return made


def test_every_figure_is_written_and_the_lab_runs_again(lab: FakeLab, commands: Commands) -> None:
    assert bench.main() == 0
    written = json.loads(bench.FILE.read_text())
    assert set(written) >= KEYS | {f"{key}.runs" for key in KEYS}
    assert written["ratio.stock"] == pytest.approx(31 / 0.3, abs=0.001)
    assert (written["gib.chain"], written["seconds.store.runs"]) == (0.75, [1.0, 3.0])
    assert written["mib.resident"] == max(written["mib.resident.runs"])
    assert lab.runs
    assert any("not disruptive" in word for command in commands.ran for word in command)


def test_a_part_is_measured_alone_and_the_other_figures_stay(lab: FakeLab, commands: Commands) -> None:
    assert bench.main() == 0
    commands.ran.clear()
    del lab.did[:]
    assert bench.main(["reset"]) == 0
    assert lab.did == ["up", *["reset"] * 5]
    assert set(json.loads(bench.FILE.read_text())) >= KEYS
    assert bench.main(["speed"]) == EXIT_USAGE


def test_provisioning_happens_in_an_empty_cache_with_the_same_box(
    lab: FakeLab, commands: Commands, tmp_path: Path
) -> None:
    bench.provision(Lab.of_checkout())
    assert lab.did == ["down", "up"]
    assert [command[1] for command in commands.ran] == ["up", "down"]
    assert all(Path(used).parent == tmp_path / "cache" for used in commands.caches)
    assert [path.name for path in (tmp_path / "cache").iterdir()] in ([], ["durations.json"])


def test_a_lab_that_does_not_come_up_is_no_figure_and_the_old_one_is_back(lab: FakeLab, commands: Commands) -> None:
    commands.status["lab"] = 12
    with pytest.raises(LabError, match="status 12"):
        bench.provision(Lab.of_checkout())
    assert lab.runs


@pytest.mark.usefixtures("lab")
def test_a_red_run_is_no_measurement(commands: Commands, capsys: pytest.CaptureFixture[str]) -> None:
    commands.status["pytest"] = 1
    assert bench.main() == 1
    said = capsys.readouterr()
    assert "criteria failed" in said.err
    assert "seconds.reset" in said.out, "what was measured before is shown"
    kept = json.loads(bench.FILE.read_text())
    assert "seconds.reset" in kept
    assert not [name for name in kept if name.startswith(("seconds.untagged", "seconds.all"))]
