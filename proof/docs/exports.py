"""The same document for other tools: JUnit XML for build servers, Cucumber JSON for report viewers."""

import re
import xml.etree.ElementTree as ET
from typing import Any

from proof.docs.model import CriterionView, Document, ScenarioView, TaskView
from proof.docs.states import Standing
from proof.runfolder import slug

CUCUMBER = {"verified": "passed", "failed": "failed", "undefined": "undefined", "not run": "skipped"}
OPEN = "pending"  # stale and waived: something is there, and it does not count
NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def junit(document: Document, target: str) -> bytes:
    """One target as JUnit XML: a suite a task, a case a scenario; only what is verified counts as passed."""
    root = ET.Element("testsuites", name=target)
    for task in document.tasks:
        cases = [
            (f"{task.id} {rule.name}", one.name, one.standings[target])
            for rule in task.criteria
            for one in rule.scenarios
        ] or [(task.id, task.title, task.standings[target])]
        states = [standing.state for _, _, standing in cases]
        suite = ET.SubElement(
            root,
            "testsuite",
            name=f"{task.id} {task.title}",
            tests=str(len(cases)),
            failures=str(states.count("failed")),
            errors=str(states.count("undefined")),
            skipped=str(sum(state not in ("verified", "failed", "undefined") for state in states)),
            time=f"{sum(standing.seconds for _, _, standing in cases):.3f}",
        )
        for classname, name, standing in cases:
            _case(suite, classname, name, standing)
    ET.indent(root)
    written: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return written


def _case(suite: ET.Element, classname: str, name: str, standing: Standing) -> None:
    case = ET.SubElement(suite, "testcase", classname=classname, name=name, time=f"{standing.seconds:.3f}")
    kind = {"verified": "", "failed": "failure", "undefined": "error"}.get(standing.state, "skipped")
    if kind:
        ET.SubElement(case, kind, message=NOT_XML.sub("", f"{standing.state}: {standing.reason}"))


def cucumber(document: Document, target: str) -> list[dict[str, Any]]:
    """One target as Cucumber's JSON, the format that report viewers read."""
    return [_feature(task, target) for task in document.tasks if task.criteria]


def _feature(task: TaskView, target: str) -> dict[str, Any]:
    return {
        "uri": task.feature,
        "id": f"task-{task.id}",
        "keyword": "Feature",
        "name": f"{task.id} {task.promise}",
        "description": task.description,
        "line": 1,
        "tags": [{"name": f"@task-{task.id}", "line": 1}],
        "elements": [_element(rule, one, target) for rule in task.criteria for one in rule.scenarios],
    }


def _element(rule: CriterionView, scenario: ScenarioView, target: str) -> dict[str, Any]:
    return {
        "id": f"{rule.anchor};{slug(scenario.id, 120)}",
        "keyword": "Scenario",
        "type": "scenario",
        "name": scenario.name,
        "description": rule.name,
        "line": scenario.line,
        "tags": [{"name": "@disruptive", "line": scenario.line}] if scenario.disruptive else [],
        "steps": _steps(scenario, target),
    }


def _steps(scenario: ScenarioView, target: str) -> list[dict[str, Any]]:
    standing, evidence = scenario.standings[target], scenario.evidence.get(target)
    if evidence is not None and standing.state in ("verified", "failed", "undefined"):
        return [
            _step(f"{step.keyword} ", step.text, scenario.line, step.state, step.seconds, standing.reason)
            for step in evidence.steps
            if step.keyword
        ]
    status = CUCUMBER.get(standing.state, OPEN)
    split = [text.partition(" ") for text in scenario.steps]
    return [_step(f"{keyword} ", text, scenario.line, status, 0.0, standing.reason) for keyword, _, text in split]


def _step(keyword: str, text: str, line: int, state: str, seconds: float, reason: str) -> dict[str, Any]:
    status = "skipped" if state == "not run" else state
    result: dict[str, Any] = {"status": status, "duration": int(seconds * 1e9)}
    if status == "failed":
        result["error_message"] = reason
    return {"keyword": keyword, "name": text, "line": line, "result": result}
