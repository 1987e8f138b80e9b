"""The pages as a person meets them: in a real browser, opened from disk, without a server."""

import os
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from lab import tools
from lab.bootstrap import requirements
from proof.evidence import sabotage_results
from proof.evidence.sabotage_results import Result
from proof.gherkin import sabotage_files
from proof.whole_host import journal
from proof.whole_host.journal import Entry
from tests.proof.docs.world import World

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page

SERIOUS = {"serious", "critical"}
PAGES = ("index.html", "runs.html", "faults.html", "drift.html", "task/1.2.1.html", "task/1.2.2.html")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    world = World.make(tmp_path_factory.mktemp("world"))
    world.run(age=timedelta(hours=2))
    world.run(bob="failed", text="a line\n" * 200)
    world.run(target="vultr", finished=False)
    changed = Entry(
        "vultr", "2026-11-01T10:00:00Z", "2026-11-01T11:00:00Z", "files", "/etc/motd", "a" * 600, "b", "dpkg"
    )
    journal.append([changed], world.root / "build" / "journal")
    (one,) = sabotage_files.read(world.root / "features" / "task_1.2.1.feature", "1.2.1")
    red = ("1.2.1 Others do not",)
    tried = Result(one.task, one.rule, one.name, "caught", "x", 1.0, "2026-01-01T00:00:00Z", one.content, red)
    sabotage_results.keep(world.root / "build" / "sabotage.json", tried)
    return world.site()


@pytest.fixture(scope="module")
def browser() -> Iterator["Browser"]:
    api = pytest.importorskip("playwright.sync_api", reason="no playwright here; make unit installs it")
    program = requirements.browser()
    if program is None:
        pytest.skip("no Chromium here; on Debian make unit installs it")
    with api.sync_playwright() as playwright:
        sandbox = [] if os.geteuid() else ["--no-sandbox"]
        started = playwright.chromium.launch(executable_path=tools.find(program), args=sandbox)
        yield started
        started.close()


@pytest.fixture
def page(browser: "Browser") -> Iterator["Page"]:
    """A page whose every complaint fails the test."""
    complaints: list[str] = []
    with browser.new_context() as context:
        made = context.new_page()
        made.on("console", lambda message: complaints.append(message.text))
        made.on("pageerror", lambda error: complaints.append(str(error)))
        made.on("requestfailed", lambda request: complaints.append(f"not loaded: {request.url}"))
        yield made
    assert complaints == []


def expect(locator: "Locator") -> Any:
    """What follows from an input comes when the page has seen it: these wait, without JavaScript the page forbids."""
    return pytest.importorskip("playwright.sync_api").expect(locator)


def shown(page: "Page", items: str = ".item") -> list[str]:
    return [one.get_attribute("id") or "" for one in page.query_selector_all(items) if one.is_visible()]


def serious(findings: Any) -> list[str]:
    return [
        f"{one['id']}: {one['nodes'][0]['html'][:200]}" for one in findings["violations"] if one["impact"] in SERIOUS
    ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [380, 1280])
def test_nothing_bars_anyone_from_reading(browser: "Browser", site: Path, scheme: Any, width: int) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    with browser.new_context(color_scheme=scheme, viewport={"width": width, "height": 900}) as context:
        page = context.new_page()
        for name in PAGES:
            page.goto(f"{site.as_uri()}/{name}")
            for details in page.query_selector_all("details"):
                details.evaluate("element => { element.open = true }")
            assert serious(axe.run(page).response) == [], name
            assert page.evaluate("document.documentElement.scrollWidth") <= width, f"{name} is wider than the window"


def test_the_filter_hides_and_stands_in_the_address(page: "Page", site: Path) -> None:
    page.goto(f"{site.as_uri()}/index.html")
    assert shown(page) == ["task-1.2.1", "task-1.2.2"]
    page.select_option("select[name=state]", "undefined")
    expect(page.locator("output")).to_have_text("1 of 2 tasks")
    assert shown(page) == ["task-1.2.2"]
    assert "state=undefined" in page.url
    page.reload()
    assert shown(page) == ["task-1.2.2"]
    page.click("button[type=reset]")
    expect(page.locator("output")).to_have_text("")
    assert shown(page) == ["task-1.2.1", "task-1.2.2"]


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("state=failed&target=lab", ["task-1.2.1"]),
        ("state=failed&target=vultr", []),
        ("text=strangers%20others", []),
        ("text=OTHERS", ["task-1.2.1"]),
        ("milestone=1", ["task-1.2.1", "task-1.2.2"]),
        ("state=not+run", []),
    ],
)
def test_an_address_brings_its_filter(page: "Page", site: Path, question: str, expected: list[str]) -> None:
    page.goto(f"{site.as_uri()}/index.html#{question}")
    assert shown(page) == expected


def test_a_task_filters_its_criteria(page: "Page", site: Path) -> None:
    page.goto(f"{site.as_uri()}/task/1.2.1.html#state=failed")
    assert [one.inner_text() for one in page.query_selector_all(".criterion h2") if one.is_visible()] == [
        "Members become root"
    ]


def test_an_anchor_opens_what_it_leads_to(page: "Page", site: Path) -> None:
    page.goto(f"{site.as_uri()}/task/1.2.1.html#a-stranger-asks")
    assert page.is_visible("#a-stranger-asks .steps")
    assert not page.is_visible("#a-member-asks .steps")
    assert page.is_visible("#who-joins-bob .failure"), "a failure is open by itself"


def test_the_keyboard_reaches_content_and_evidence(page: "Page", site: Path) -> None:
    page.goto(f"{site.as_uri()}/task/1.2.1.html")
    page.keyboard.press("Tab")
    expect(page.locator(".skip")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#content")).to_be_focused()
    page.focus("#a-stranger-asks > summary")
    page.keyboard.press("Enter")
    expect(page.locator("#a-stranger-asks .steps").first).to_be_visible()


def test_without_scripts_everything_is_there(browser: "Browser", site: Path) -> None:
    with browser.new_context(java_script_enabled=False) as context:
        page = context.new_page()
        page.goto(f"{site.as_uri()}/index.html")
        assert not page.is_visible(".filter")
        assert page.is_visible("#task-1\\.2\\.2")
        page.click("#task-1\\.2\\.1 a")
        page.click("#a-member-asks > summary")
        expect(page.locator("#a-member-asks .steps").first).to_be_visible()


def test_every_page_keeps_quiet_and_prints(page: "Page", site: Path, tmp_path: Path) -> None:
    for name in PAGES:
        page.goto(f"{site.as_uri()}/{name}")
        picture = tmp_path / "page.png"
        page.screenshot(path=picture, full_page=True)
        assert picture.stat().st_size > 10_000
    page.emulate_media(media="print")
    assert not page.is_visible(".filter")
    assert re.match(rb"%PDF", page.pdf())
