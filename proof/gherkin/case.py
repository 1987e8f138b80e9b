"""A collected test: one case of a scenario."""

from dataclasses import dataclass

import pytest

from proof.evidence.run_folder import slug
from proof.gherkin import feature_files


@dataclass(frozen=True)
class Case:
    """A collected test: one case of a scenario, its feature and Rule, and the values of its row of examples."""

    feature: feature_files.Feature
    rule: str
    scenario: feature_files.Scenario
    values: tuple[tuple[str, str], ...]

    @property
    def name(self) -> str:
        """The scenario's name with the row's values in it."""
        return self.filled(self.scenario.name)

    def filled(self, text: str) -> str:
        """A text of the outline with the row's values in it."""
        for column, value in self.values:
            text = text.replace(f"<{column}>", value)
        return text

    @property
    def row(self) -> str:
        """Distinguishes this case from the others of its outline; empty for a plain scenario."""
        return ", ".join(value for _, value in self.values)

    @property
    def id(self) -> str:
        """The same in every run while scenario and row keep their words."""
        tail = f"[{slug(self.row)}]" if self.values else ""
        return f"{self.feature.task}/{slug(self.scenario.name, 100)}{tail}"


CASE = pytest.StashKey[Case]()
