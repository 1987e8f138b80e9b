"""What every unit test has in common."""

import pytest

from proof.evidence.statement import KEY_VARIABLE


@pytest.fixture(autouse=True)
def _key_of_the_tests(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test signs with the user's key, or makes one in the user's home."""
    monkeypatch.setenv(KEY_VARIABLE, str(tmp_path_factory.mktemp("key") / "evidence.key"))
