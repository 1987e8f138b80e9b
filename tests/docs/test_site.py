import json
import re
import time
import xml.etree.ElementTree as ET
from datetime import timedelta
from pathlib import Path

import jsonschema
import pytest

from proof.docs import build, runs, schema, site
from proof.docs.site import PAGE_BYTES
from proof.redact import MASK, redactor
from tests.docs.world import DRAWING, NOW, PLAN, World

SCENARIOS, RUNS, SECONDS = 1000, 20, 3.0


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World.make(tmp_path)


def test_every_task_has_a_page_and_failures_come_first(world: World) -> None:
    world.run(bob="failed")
    folder = world.site()
    index = (folder / "index.html").read_text()
    assert index.index("Failed</h2>") < index.index("Tasks</h2>")
    assert {path.name for path in (folder / "task").iterdir()} == {"1.2.1.html", "1.2.2.html"}
    page = (folder / "task/1.2.1.html").read_text()
    assert "mail says no" in page
    assert "pytest --host=lab n" in page
    assert "bob joins" in page
    assert "Absence is never a pass" in (folder / "task/1.2.2.html").read_text()


def test_every_link_leads_somewhere(world: World) -> None:
    world.run(A="failed")
    folder = world.site()
    for page in folder.rglob("*.html"):
        for link in re.findall(r'(?:href|src)="([^"]+)"', page.read_text()):
            name, _, anchor = link.partition("#")
            if name.startswith("data:"):
                continue
            target = (page.parent / name).resolve() if name else page
            assert target.is_file(), f"{page.name} leads to {link}"
            assert not anchor or f'id="{anchor}"' in target.read_text(), f"{page.name} leads to {link}"


def test_a_page_stays_small_whatever_the_evidence(world: World) -> None:
    world.run(text="<&>" * 200_000)
    folder = world.site()
    assert (folder / "task/1.2.1.html").stat().st_size < PAGE_BYTES
    assert sum(path.stat().st_size for path in (folder / "evidence").iterdir()) > 4 * 600_000


def test_the_document_is_valid_by_its_schema(world: World) -> None:
    world.run()
    folder = world.site()
    data = json.loads((folder / "data.json").read_text())
    jsonschema.validate(data, json.loads((folder / "data.schema.json").read_text()))
    jsonschema.Draft202012Validator.check_schema(schema.schema())
    del data["milestones"][0]["groups"]
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(data, schema.schema())


def test_exports_tell_the_same(world: World) -> None:
    world.run(bob="failed")
    folder = world.site()
    suites = ET.parse(folder / "junit-lab.xml").getroot().findall("testsuite")
    assert [(suite.get("tests"), suite.get("failures"), suite.get("skipped")) for suite in suites] == [
        ("4", "1", "0"),
        ("1", "0", "1"),
    ]
    (feature,) = json.loads((folder / "cucumber-lab.json").read_text())
    steps = {one["name"]: one["steps"][0]["result"]["status"] for one in feature["elements"]}
    assert steps["A member asks"] == "passed"
    assert {step["result"]["status"] for one in feature["elements"] for step in one["steps"][:1]} <= {
        "passed",
        "failed",
    }


def test_the_tracker_has_the_form_of_the_old_one(world: World) -> None:
    world.run()
    path = world.root / "TRACKER.md"
    site.tracker(world.document(), path, DRAWING)
    text = path.read_text()
    assert "- [x] **Task 1.2.1:** sudo\n  - _Estimate:_ 15 minutes" in text
    assert "- [ ] **Task 1.2.2:** Remove linuxuser" in text
    assert "**lab:** [▓▓▓▓▓░░░░░] 1 of 2 tasks verified" in text
    assert "verified, 2 of 2 criteria, since 2026-11-20" in text


def test_a_killed_run_is_interrupted_and_what_it_proved_counts(world: World) -> None:
    world.run(finished=False, A="not run")
    document = world.document()
    assert document.runs[0].state == "interrupted"
    assert document.tasks[0].criteria[0].scenarios[1].standings["lab"].state == "verified"
    assert "interrupted" in (world.site() / "index.html").read_text()


@pytest.mark.parametrize("damage", ["", "{", '{"schema": 99}', '{"schema": 1, "scenarios": [{}]}', "[]"])
def test_a_damaged_record_is_named_and_skipped(world: World, damage: str) -> None:
    world.run()
    broken = world.root / "build/runs/20261119T000000Z-lab-bad/run.json"
    broken.parent.mkdir()
    broken.write_text(damage)
    document = world.document()
    assert document.tasks[0].standings["lab"].state == "verified"
    (said,) = document.damaged
    assert said.startswith("20261119T000000Z-lab-bad: ")
    assert "20261119T000000Z-lab-bad" in (world.site() / "index.html").read_text()


def test_runs_of_several_machines_are_merged_each_once(world: World) -> None:
    world.run(only="A ")
    world.run(only="joins", builds="elsewhere")
    assert world.document().tasks[0].standings["lab"].state == "not run"
    assert world.document("build", "elsewhere").tasks[0].standings["lab"].state == "verified"
    assert len(world.document("build", "elsewhere", "elsewhere").runs) == 2


def test_a_known_secret_is_in_nothing_that_is_written(world: World) -> None:
    secret = "correct-horse-battery"
    redactor.register(secret)
    world.run(text=redactor(f"password is {secret}"))
    written = "".join(path.read_text() for path in world.site().rglob("*") if path.is_file())
    assert secret not in written
    assert MASK in written


def test_an_interrupted_rendering_leaves_the_old_site(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.run()
    folder = world.site()
    before = (folder / "index.html").read_text()

    def fail(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(site.exports, "junit", fail)
    with pytest.raises(KeyboardInterrupt):
        world.site()
    assert (folder / "index.html").read_text() == before


def test_a_thousand_scenarios_and_twenty_runs_take_seconds(world: World) -> None:
    rows = "\n".join(f"        | user{number} |" for number in range(SCENARIOS))
    feature = world.root / "features/task_1.2.1.feature"
    feature.write_text(feature.read_text().replace("        | ann |\n        | bob |", rows))
    first = world.run(age=timedelta(hours=30))
    text = (world.root / "build/runs" / first.id / "run.json").read_text()
    for number in range(1, RUNS):
        copy = world.root / "build/runs" / f"20261120T1{number:05d}Z-lab-x"
        copy.mkdir()
        (copy / "run.json").write_text(text.replace(first.id, copy.name))
    started = time.process_time()
    found = runs.read([world.root / "build/runs"])
    sources = build.gather(world.root, [], ["lab"], NOW, found)
    site.render(build.document(sources), found.found, world.root / "build/docs", DRAWING)
    spent = time.process_time() - started
    assert len(found.found) == RUNS
    assert spent <= SECONDS, f"it took {spent:.1f} s of the processor"
    assert (world.root / "build/docs/task/1.2.1.html").stat().st_size < PAGE_BYTES or PLAN
