"""The watch on a stand-in of production, broken in ten ways, on a clock that is moved; it needs a lab that is up.

Each fault is told once, within one interval, in the words of the criterion that it broke, and its end is told once.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest

from lab.paths import ROOT
from proof.gherkin import feature_files, sabotage_files
from proof.gherkin.sabotage_files import Sabotage
from proof.hosts import lab_lock, recorded_lab
from proof.hosts.recorded_lab import LabControl
from proof.rehearsal import stand_in
from proof.rehearsal.run import NOT_REHEARSED
from proof.watch import notify
from proof.watch.look import see
from proof.watch.memory import Result
from proof.watch.watch import Watch
from tests.proof.watch.endpoint import Bodies, endpoint

NAMED = "MAIL_WATCH_REHEARSED"
HOUR = timedelta(hours=1)
AWAY_SECONDS = 20.0
FAULTS = (
    "A colleague lets everyone restart services",
    "The user was deleted by hand, and its group stayed because someone else is in it",
    "An intruder adds a second name for the same UID",
    "An intruder adds a key below the administrator's own",
    "A colleague switches the engine off at boot to save memory",
    "A colleague puts SSH back on its usual port beside the other one",
    "A second peer is let into the tunnel",
    "A clean-up of empty folders takes the mail backups with it",
    "A service has lost its file",
    "A relay of log messages listens on UDP",
)

pytestmark = pytest.mark.skipif(not os.environ.get(NAMED), reason=f"{NAMED} is not set; the lab must be up for it")


@pytest.fixture(scope="module")
def lab() -> Iterator[LabControl]:
    found = recorded_lab.open_lab()
    with lab_lock.alone(ROOT):
        found.up()
        lab_lock.touch(ROOT)
        try:
            yield found
        finally:
            found.reset()
            lab_lock.was_reset(ROOT)


class Production:
    """The stand-in with its watch; `told` is what an endpoint got."""

    def __init__(self, lab: LabControl, folder: Path, told: Bodies) -> None:
        self.lab, self.told = lab, told
        self.watch = Watch(stand_in.TARGET, folder)
        self.now = datetime(2026, 11, 1, 10, 0, tzinfo=UTC)

    def well(self) -> None:
        """Put the host back to where it is well."""
        self.lab.reset()
        stand_in.make()
        stand_in.confirm_host_key(self.lab)

    def hour(self, tag: str, trying: float = 60.0) -> Bodies:
        """Look at criteria with a tag an hour later; returns what was told."""
        self.now += HOUR
        del self.told[:]
        self.watch.run(partial(self._see, tag, trying), lambda: self.now)
        return list(self.told)

    def _see(self, tag: str, trying: float, _scan: bool) -> Sequence[Result]:
        left_out = (f"--deselect={node}" for node in NOT_REHEARSED)
        only = ("-m", f"not disruptive and not starts-early and {tag}", *left_out)
        return see(stand_in.TARGET, scan=False, log=self.watch.log, root=stand_in.FOLDER, arguments=only, trying=trying)


@pytest.fixture(scope="module")
def production(lab: LabControl, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Production]:
    folder = tmp_path_factory.mktemp("watch")
    with endpoint() as (url, told), pytest.MonkeyPatch.context() as patch:
        addresses = folder / "notify"
        addresses.write_text(f"{url}\n")
        addresses.chmod(0o600)
        patch.setenv(notify.VARIABLE, str(addresses))
        yield Production(lab, folder / "watch", told)


def sabotages() -> dict[str, Sabotage]:
    return {
        one.name: one
        for feature in feature_files.read_all(ROOT / "features")
        for one in sabotage_files.read(feature.path, feature.task)
    }


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_told_once_and_so_is_its_end(production: Production, name: str) -> None:
    fault = sabotages()[name]
    tag = fault.task if fault.task == feature_files.WHOLE_HOST else f"task-{fault.task}"
    production.well()
    assert production.hour(tag) == []
    done = production.lab.exec(fault.on, ["bash", "-euc", fault.run], timeout=180.0)
    assert done.exit_status == 0, done
    (red,) = production.hour(tag)
    assert (red["type"], red["title"].split(":")[0]) == ("failure", stand_in.TARGET)
    assert red["title"].endswith("red")
    assert f"{fault.task} {fault.rule}" in red["message"]
    assert "pytest --host=vultr" in red["message"]
    assert production.hour(tag) == []
    production.well()
    (green,) = production.hour(tag)
    assert (green["type"], green["title"].rpartition(" is ")[2].rpartition(" are ")[2]) == ("success", "green again")
    assert production.hour(tag) == []


def away_by_the_tunnel(production: Production) -> None:
    done = production.lab.exec("hub", ["systemctl", "stop", "wg-quick@wg0"])
    assert done.exit_status == 0, done


@pytest.mark.parametrize("away", [away_by_the_tunnel])
def test_a_host_that_cannot_be_reached_is_told_apart(
    production: Production, away: Callable[[Production], None]
) -> None:
    production.well()
    assert production.hour("task-1.2.2") == []
    away(production)
    (unseen,) = production.hour("task-1.2.2", AWAY_SECONDS)
    assert "not seen since" in unseen["title"]
    assert production.hour("task-1.2.2", AWAY_SECONDS) == []
    production.well()
    (seen,) = production.hour("task-1.2.2")
    assert seen["title"] == "vultr: seen again"
