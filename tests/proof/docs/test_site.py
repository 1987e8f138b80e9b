import json
import re
import time
import xml.etree.ElementTree as ET
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from hashlib import sha256
from pathlib import Path

import jsonschema
import pytest

from proof.docs import schema, site
from proof.docs.pages import PAGE_BYTES
from proof.docs.summary import open_points
from proof.evidence.redact import MASK, redactor
from tests.proof.docs.world import PLAN, World

SCENARIOS, TASKS, RUNS, SECONDS = 1000, 20, 20, 3.0


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World.make(tmp_path)


def test_every_task_has_a_page_and_failures_come_first(world: World) -> None:
    world.run(bob="failed")
    folder = world.site()
    index = (folder / "index.html").read_text()
    assert index.index("mail says no") < index.index("Tasks</h2>")
    assert {path.name for path in (folder / "task").iterdir()} == {"1.2.1.html", "1.2.2.html"}
    page = (folder / "task/1.2.1.html").read_text()
    assert page.index("mail says no") < page.index("bob joins")
    assert "pytest --host=lab n" in page
    assert re.search(r'<details class="scenario" id="who-joins-bob" open>', page)
    assert page.count(" open>") == 1
    assert "Absence is never a pass" in (folder / "task/1.2.2.html").read_text()


def test_open_points_are_grouped_by_their_reason(world: World) -> None:
    world.run(bob="failed")
    points = open_points(world.document(), "lab")
    assert [(point.state, point.count) for point in points] == [("failed", 1), ("undefined", 1)]
    assert points[0].failures[0].again == "pytest --host=lab n"
    assert [one.whole for one in points[0].where] == [False]


def test_every_link_leads_somewhere_and_nowhere_outside(world: World) -> None:
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


def test_an_address_does_not_change_when_the_feature_grows(world: World) -> None:
    def anchors() -> set[str]:
        return set(re.findall(r'id="([^"]+)"', (world.site() / "task/1.2.1.html").read_text()))

    before = anchors()
    path = world.root / "features/task_1.2.1.feature"
    path.write_text(
        path.read_text().replace("  Rule: Members", "  Rule: New\n    Scenario: n\n      When n\n\n  Rule: Members")
    )
    assert before < anchors()


def test_a_page_stays_small_whatever_the_evidence(world: World) -> None:
    world.run(text="<&>" * 20_000, questions=50)
    folder = world.site()
    assert (folder / "task/1.2.1.html").stat().st_size < PAGE_BYTES
    assert sum(path.stat().st_size for path in (folder / "evidence").rglob("*.json")) > 4 * 50 * 60_000


def test_whole_outputs_lie_beside_the_page_with_their_hashes(world: World) -> None:
    run = world.run()
    path = world.root / "build/runs" / run.id / "run.json"
    data = json.loads(path.read_text())
    evidence = data["scenarios"][0]["steps"][0]["evidence"][0]
    evidence["stdout_file"], evidence["stderr_file"] = "evidence/long.stdout.txt", "../../../outside.txt"
    path.write_text(json.dumps(data))
    (path.parent / "evidence").mkdir()
    (path.parent / "evidence/long.stdout.txt").write_text("all of it")
    (world.root / "outside.txt").write_text("private")
    folder = world.site()
    page = (folder / "task/1.2.1.html").read_text()
    for name, digest in re.findall(r'href="../(evidence/[^"]+)"[^/]*</a>[^<]*SHA-256 <code>(\w+)<', page):
        assert sha256((folder / name).read_bytes()).hexdigest() == digest
    assert sha256(b"all of it").hexdigest() in page
    assert "leads out of the run&#39;s folder" in (folder / "runs.html").read_text()
    assert not any("private" in file.read_text() for file in folder.rglob("*") if file.is_file())


def test_the_document_is_valid_by_its_schema(world: World) -> None:
    world.run(bob="failed")
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
    suites = ET.parse(folder / "junit-lab.xml").getroot().findall("testsuite")  # noqa: S314 - our own file
    assert [[suite.get(name) for name in ("tests", "failures", "errors", "skipped")] for suite in suites] == [
        ["4", "1", "0", "0"],
        ["1", "0", "1", "0"],
    ]
    feature, missing = json.loads((folder / "cucumber-lab.json").read_text())
    steps = {one["name"]: one["steps"][0]["result"]["status"] for one in feature["elements"]}
    assert steps == {
        "A member asks": "passed",
        "ann joins": "passed",
        "bob joins": "failed",
        "A stranger asks": "passed",
    }
    assert [step["result"]["status"] for one in missing["elements"] for step in one["steps"]] == ["undefined"]
    feature, _ = json.loads((folder / "cucumber-vultr.json").read_text())
    assert {step["result"]["status"] for one in feature["elements"] for step in one["steps"]} == {"skipped"}


def test_a_failure_outside_all_steps_is_exported_as_one(world: World) -> None:
    run = world.run(bob="failed")
    path = world.root / "build/runs" / run.id / "run.json"
    data = json.loads(path.read_text())
    for scenario in data["scenarios"]:
        scenario["steps"][0]["state"] = "passed"
    path.write_text(json.dumps(data))
    feature, _ = json.loads((world.site() / "cucumber-lab.json").read_text())
    (bob,) = [one for one in feature["elements"] if one["name"] == "bob joins"]
    assert [step["result"]["status"] for step in bob["steps"]] == ["passed", "failed"]


def test_what_xml_cannot_hold_is_left_out_of_it(world: World) -> None:
    world.run(bob="failed", message="bad \x1b[31m\x00 end")
    (message,) = [one.get("message") for one in ET.parse(world.site() / "junit-lab.xml").iter("failure")]  # noqa: S314
    assert message == "failed: bad [31m end"


def test_the_tracker_has_the_form_of_the_old_one(world: World) -> None:
    world.run()
    world.run(target="vultr")
    path = world.root / "TRACKER.md"
    site.tracker(world.document(), path)
    text = path.read_text()
    assert "- [x] **Task 1.2.1:** sudo\n  - _Estimate:_ 15 minutes\n" in text
    assert "- [ ] **Task 1.2.2:** Remove linuxuser" in text
    assert "**lab:** [▓▓▓▓▓░░░░░] 50% (1 of 2 tasks verified)" in text
    assert "  - _lab:_ verified, 2 of 2 criteria; since 2026-11-20, last proved 2026-11-20\n" in text


def test_a_waiver_stands_on_page_and_tracker(world: World) -> None:
    world.run(A="failed")
    waiver = "{task: 1.2.1, rule: Others do not, target: lab, author: ann, reason: <later>, expires: 2026-12-01}"
    (world.root / "features/tracker.yml").write_text(PLAN.replace("waivers: []", f"waivers:\n  - {waiver}"))
    page = (world.site() / "task/1.2.1.html").read_text()
    assert "lab, by ann, until 2026-12-01: &lt;later&gt;" in page
    path = world.root / "TRACKER.md"
    site.tracker(world.document(), path)
    assert "  - _Waiver:_ Others do not on lab, by ann, until 2026-12-01: <later>\n" in path.read_text()


def test_a_run_has_its_provenance_even_if_its_record_lacks_parts(world: World) -> None:
    host = {"system": "Debian GNU/Linux 13 (trixie)", "docker.io": "26.1.5", "PostgreSQL": "17"}
    told = world.run(
        provenance={"lab": {"provider": "vagrant", "box": "b0"}, "host": host},
        lab_error="The hub is gone.\n  -> lab up",
    )
    bare = world.run()
    path = world.root / "build/runs" / bare.id / "run.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"provenance": {}}))
    page = (world.site() / "runs.html").read_text()
    assert "broken off" in page
    for part in (
        told.id,
        bare.id,
        "lab</strong> by vagrant",
        "The hub is gone.",
        "box <code>b0</code>",
        "docker.io <code>26.1.5</code>",
    ):
        assert part in page


def test_without_any_run_everything_is_there_and_open(world: World) -> None:
    folder = world.site()
    assert "Nobody has run anything yet" in (folder / "runs.html").read_text()
    assert "No run yet" in (folder / "index.html").read_text()
    assert [(point.state, point.count) for point in open_points(world.document(), "lab")] == [
        ("undefined", 1),
        ("not run", 2),
    ]


def test_one_target_alone_checks_no_box(world: World) -> None:
    world.run()
    path = world.root / "TRACKER.md"
    site.tracker(world.document(), path)
    assert "- [~] **Task 1.2.1:**" in path.read_text()


def test_a_known_secret_is_in_nothing_that_is_written(world: World) -> None:
    secret = "correct-horse-battery"  # noqa: S105 - planted
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

    monkeypatch.setattr("proof.docs.exports.junit", fail)
    with pytest.raises(KeyboardInterrupt):
        world.site()
    assert (folder / "index.html").read_text() == before
    assert not list(folder.parent.glob(".docs-*"))


def test_two_runs_that_end_immediately_do_not_mix(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.run()
    rename = Path.rename

    def slowly(path: Path, target: Path) -> Path:
        done = rename(path, target)
        time.sleep(0.1)  # the moment that the other one must not get into
        return done

    monkeypatch.setattr(Path, "rename", slowly)
    with ThreadPoolExecutor() as pool:
        made = [done.result() for done in [pool.submit(world.published) for _ in range(4)]]
    data = json.loads((world.root / "build/docs/data.json").read_text())
    assert all(data["runs"][0]["id"] == document.runs[0].id for document in made)
    assert not list((world.root / "build").glob(".docs-*"))


def test_a_thousand_scenarios_and_twenty_runs_take_seconds(world: World) -> None:
    world.grow(tasks=TASKS, scenarios=SCENARIOS // TASKS)
    for age in range(RUNS):
        world.run(age=timedelta(hours=30 - age), text="a line of output\n" * 20, questions=4)
    started = time.process_time()
    folder = world.site()
    spent = time.process_time() - started
    document = json.loads((folder / "data.json").read_text())
    assert len(document["runs"]) == RUNS
    assert sum(len(found.outcomes) for found in world.sources().runs.found) == RUNS * SCENARIOS
    assert spent <= SECONDS, f"it took {spent:.1f} s of the processor"
    assert max(path.stat().st_size for path in folder.rglob("*.html")) < PAGE_BYTES
