"""What Terraform would order, with a provider that answers out of thin air; the real one is tried by task 1.1.1."""

from pathlib import Path

import pytest

from proof import process, terraform

TEST_SECONDS = 120.0


@pytest.fixture(scope="module")
def folder() -> Path:
    if why := terraform.why_not():
        pytest.skip(why)
    return terraform.folder()


def test_the_order_and_the_refused_settings(folder: Path) -> None:
    done = process.run(["terraform", "test", "-no-color"], timeout=TEST_SECONDS, cwd=folder)
    assert done.exit_status == 0, done.stdout + done.stderr
    assert "0 failed" in done.stdout


def test_without_terraform_the_reason_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert terraform.why_not.__wrapped__() == "Terraform is not installed"


def test_without_a_provider_terraforms_own_reason_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    fake = tmp_path / "terraform"
    fake.write_text("#!/bin/sh\nprintf '│ Error: no such\\n│   provider\\n' >&2\nexit 1\n")
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setattr(terraform, "_COPY", tmp_path / "copy")
    assert terraform.why_not.__wrapped__() == "Terraform finds no provider vultr/vultr: Error: no such provider"
