"""The order of packages: each imports only those below it, and no two modules import each other."""

import ast
from collections.abc import Iterator
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

from lab.paths import ROOT

# The lowest floor first. A package imports from lower floors only.
FLOORS = (
    {"lab", "transport", "process", "probes", "parsers", "vultr"},
    {"evidence", "deployment"},
    {"gherkin", "hosts"},
    {"report", "clients", "whole_host", "lint"},
    {"database", "docs", "rehearsal", "faults", "watch"},
    {"plugin", "bench", "cli", "steps"},
)
FLAT_MODULES = 3  # modules of proof/ that are in no package, at most


def sources() -> Iterator[Path]:
    for folder in ("lab", "proof", "steps"):
        yield from (ROOT / folder).rglob("*.py")


def name(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def package(module: str) -> str:
    parts = module.split(".")
    return parts[1] if parts[0] == "proof" and len(parts) > 1 else parts[0]


@cache
def imports(path: Path) -> frozenset[str]:
    """Modules of this project that a file imports, anywhere in it."""
    modules = {name(each) for each in sources()}
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return frozenset(found & modules - {"proof", "lab", "steps"})


def test_packages_import_downwards_only() -> None:
    floor = {each: number for number, floor in enumerate(FLOORS) for each in floor}
    wrong = [
        f"{name(path)} imports {module}"
        for path in sources()
        for module in imports(path)
        if package(module) != package(name(path)) and floor[package(module)] >= floor[package(name(path))]
    ]
    assert not wrong


def test_no_modules_import_each_other_in_a_circle() -> None:
    TopologicalSorter({name(path): imports(path) - {name(path)} for path in sources()}).prepare()


def test_proof_has_few_flat_modules() -> None:
    flat = [path.name for path in (ROOT / "proof").glob("*.py") if path.name != "__init__.py"]
    assert len(flat) <= FLAT_MODULES, flat
