"""Sabotages: small faults in a file next to each feature, each with the criterion that must catch it."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import yaml

from proof.gherkin.feature_files import FeatureSyntaxError

RUNNER = "runner"  # the machine of the run itself: the script changes a copy of provision/ and terraform/
NODES = ("mail", "hub", RUNNER)
REQUIRED = frozenset({"name", "rule", "run"})
KNOWN = REQUIRED | {"on"}


@dataclass(frozen=True)
class Sabotage:
    """One fault: `run` is a shell script that root runs out of band on node `on`, or that is run on a copy."""

    task: str
    name: str
    rule: str
    on: str
    run: str
    path: Path
    line: int

    @property
    def content(self) -> str:
        """Hash of what it does: another script under the same name is another sabotage."""
        return hashlib.sha256(f"{self.on}\0{self.run}".encode()).hexdigest()[:16]


def beside(feature: Path) -> Path:
    """The sabotage file that belongs to a feature file."""
    return feature.with_suffix(".sabotage.yml")


def _entry(node: yaml.Node, task: str, path: Path) -> Sabotage:
    line = node.start_mark.line + 1
    if not isinstance(node, yaml.MappingNode):
        raise FeatureSyntaxError(path, line, "a sabotage is a mapping with name, rule and run")
    values = {key.value: value for key, value in node.value}
    for key, value in values.items():
        if key not in KNOWN:
            raise FeatureSyntaxError(path, line, f"a sabotage has no field {key!r}")
        if not isinstance(value, yaml.ScalarNode) or not value.value.strip():
            raise FeatureSyntaxError(path, value.start_mark.line + 1, f"{key!r} must be a text")
    missing = sorted(REQUIRED - set(values))
    if missing:
        raise FeatureSyntaxError(path, line, f"the sabotage lacks {', '.join(missing)}")
    on = values["on"].value if "on" in values else NODES[0]
    if on not in NODES:
        raise FeatureSyntaxError(path, line, f"there is no node {on!r}, only {' and '.join(NODES)}")
    return Sabotage(task, values["name"].value, values["rule"].value.strip(), on, values["run"].value, path, line)


def read(feature: Path, task: str) -> list[Sabotage]:
    """The sabotages beside a feature file, none if there is no such file. Raises FeatureSyntaxError."""
    path = beside(feature)
    if not path.exists():
        return []
    try:
        root = yaml.compose(path.read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        raise FeatureSyntaxError(path, mark.line + 1 if mark else 1, error.problem or "no YAML") from error
    if root is None:
        return []
    if not isinstance(root, yaml.SequenceNode):
        raise FeatureSyntaxError(path, root.start_mark.line + 1, "the file must hold a list of sabotages")
    return [_entry(node, task, path) for node in root.value]
