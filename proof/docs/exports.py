"""The document for other tools: JUnit XML for build servers, Cucumber JSON for report viewers."""

import re
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from typing import Any

from proof.docs.model import CriterionView, Document, ScenarioView, TaskView
from proof.docs.states import Standing
from proof.evidence.run_folder import slug

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
    """One target as Cucumber's JSON, the format that report viewers read; a task without a feature is in it too."""
    return [_feature(task, target) for task in document.tasks]


def _feature(task: TaskView, target: str) -> dict[str, Any]:
    elements = [_element(rule, one, target) for rule in task.criteria for one in rule.scenarios]
    missing = _step("* ", "a feature states what must hold", 1, "undefined", 0.0, "")
    return {
        "uri": task.feature,
        "id": f"task-{task.id}",
        "keyword": "Feature",
        "name": f"{task.id} {task.promise or task.title}",
        "description": task.description,
        "line": 1,
        "tags": [{"name": f"@task-{task.id}", "line": 1}],
        "elements": elements or [_scenario(f"task-{task.id};none", task.title, "", 1, (), [missing])],
    }


def _element(rule: CriterionView, scenario: ScenarioView, target: str) -> dict[str, Any]:
    tags = ("@disruptive",) if scenario.disruptive else ()
    name = f"{rule.anchor};{slug(scenario.id, 120)}"
    return _scenario(name, scenario.name, rule.name, scenario.line, tags, _steps(scenario, target))


def _scenario(
    identity: str, name: str, description: str, line: int, tags: Sequence[str], steps: Sequence[dict[str, Any]]
) -> dict[str, Any]:
    return {
        "id": identity,
        "keyword": "Scenario",
        "type": "scenario",
        "name": name,
        "description": description,
        "line": line,
        "tags": [{"name": tag, "line": line} for tag in tags],
        "steps": steps,
    }


def _steps(scenario: ScenarioView, target: str) -> list[dict[str, Any]]:
    standing, evidence = scenario.standings[target], scenario.evidence.get(target)
    status = CUCUMBER.get(standing.state, OPEN)
    if evidence is None or status not in ("passed", "failed", "undefined"):
        split = [text.partition(" ") for text in scenario.steps]
        return [_step(f"{keyword} ", text, scenario.line, status, 0.0, standing.reason) for keyword, _, text in split]
    steps = [
        _step(f"{step.keyword} ", step.text, scenario.line, step.state, step.seconds, standing.reason)
        for step in evidence.steps
        if step.keyword
    ]
    if all(step["result"]["status"] != status for step in steps):  # it failed before its first step or after its last
        steps.append(_step("* ", "what comes before and after the steps", scenario.line, status, 0.0, standing.reason))
    return steps


def _step(keyword: str, text: str, line: int, state: str, seconds: float, reason: str) -> dict[str, Any]:
    status = "skipped" if state == "not run" else state
    result: dict[str, Any] = {"status": status, "duration": int(seconds * 1e9)}
    if status == "failed":
        result["error_message"] = reason
    return {"keyword": keyword, "name": text, "line": line, "result": result}
