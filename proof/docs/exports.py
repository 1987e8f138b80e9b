"""The same document for other tools: JUnit XML for build servers, Cucumber JSON for report viewers."""

import json
import xml.etree.ElementTree as ET
from collections.abc import Mapping
from typing import Any

from proof.docs.evidence import Shown
from proof.docs.model import CriterionView, Document, ScenarioView, TaskView
from proof.docs.states import Standing
from proof.runfolder import slug

CUCUMBER = {"verified": "passed", "stale": "skipped", "failed": "failed", "undefined": "undefined"}
STEP = {"passed": "passed", "failed": "failed", "undefined": "undefined"}


def junit(document: Document, target: str) -> bytes:
    """One target as JUnit XML: a suite a task, a case a scenario; only what is verified counts as passed."""
    root = ET.Element("testsuites", name=target)
    for task in document.tasks:
        scenarios = [(rule, one) for rule in task.criteria for one in rule.scenarios]
        standings = [one.standings[target] for _, one in scenarios]
        failed = sum(one.state == "failed" for one in standings)
        open_ = sum(one.state not in ("failed", "verified") for one in standings)
        suite = ET.SubElement(
            root,
            "testsuite",
            name=f"{task.id} {task.title}",
            tests=str(len(scenarios) or 1),
            failures=str(failed),
            skipped=str(open_ if scenarios else 1),
            time=f"{sum(one.seconds for one in standings):.3f}",
        )
        for rule, scenario in scenarios:
            _case(suite, f"{task.id} {rule.name}", scenario.name, scenario.standings[target])
        if not scenarios:
            _case(suite, task.id, task.title, task.standings[target])
    ET.indent(root)
    written: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return written


def _case(suite: ET.Element, classname: str, name: str, standing: Standing) -> None:
    case = ET.SubElement(suite, "testcase", classname=classname, name=name, time=f"{standing.seconds:.3f}")
    if standing.state == "failed":
        ET.SubElement(case, "failure", message=_printable(standing.reason))
    elif standing.state != "verified":
        ET.SubElement(case, "skipped", message=_printable(f"{standing.state}: {standing.reason}"))


def _printable(text: str) -> str:
    return "".join(letter for letter in text if letter.isprintable())


def cucumber(document: Document, target: str, shown: Mapping[tuple[str, str], Shown]) -> str:
    """One target as Cucumber's JSON, the format that report viewers read."""
    features = [_feature(task, target, shown) for task in document.tasks if task.criteria]
    return json.dumps(features, ensure_ascii=False, indent=1)


def _feature(task: TaskView, target: str, shown: Mapping[tuple[str, str], Shown]) -> dict[str, Any]:
    return {
        "uri": task.feature,
        "id": f"task-{task.id}",
        "keyword": "Feature",
        "name": f"{task.id} {task.promise}",
        "description": task.description,
        "line": 1,
        "tags": [{"name": f"@task-{task.id}", "line": 1}],
        "elements": [_element(rule, one, target, shown) for rule in task.criteria for one in rule.scenarios],
    }


def _element(
    rule: CriterionView, scenario: ScenarioView, target: str, shown: Mapping[tuple[str, str], Shown]
) -> dict[str, Any]:
    standing = scenario.standings[target]
    record = shown.get((scenario.id, target))
    ran = [step for step in record.scenario.steps if step.line] if record else []
    steps = []
    for number, text in enumerate(scenario.steps):
        keyword, _, name = text.partition(" ")
        status, seconds = CUCUMBER.get(standing.state, "skipped"), 0.0
        if number < len(ran) and standing.state in ("failed", "verified"):
            status, seconds = STEP.get(ran[number].state, "skipped"), ran[number].seconds
        result: dict[str, Any] = {"status": status, "duration": int(seconds * 1e9)}
        if status == "failed":
            result["error_message"] = standing.reason
        steps.append({"keyword": f"{keyword} ", "name": name, "line": scenario.line + 1 + number, "result": result})
    return {
        "id": f"{slug(rule.name)};{slug(scenario.id)}",
        "keyword": "Scenario",
        "type": "scenario",
        "name": scenario.name,
        "description": rule.name,
        "line": scenario.line,
        "tags": [{"name": "@disruptive", "line": scenario.line}] if scenario.disruptive else [],
        "steps": steps,
    }
