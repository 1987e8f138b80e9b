"""Terraform's own tests of terraform/, and what they cannot see: git, and a machine without Terraform."""

import os
import subprocess
from pathlib import Path

import pytest

from lab.paths import PROVISION, ROOT, TERRAFORM
from proof import process
from proof.deployment import terraform


@pytest.fixture
def there() -> None:
    if why := terraform.why_not():
        pytest.skip(why)


@pytest.mark.usefixtures("there")
def test_terraforms_own_tests_pass() -> None:
    done = process.run(
        ["terraform", "test", "-no-color"],
        timeout=120,
        cwd=terraform.folder(),
        env={**os.environ, **terraform.QUIET},
    )
    assert done.exit_status == 0, done.stdout + done.stderr
    assert "0 failed" in done.stdout


@pytest.mark.parametrize(
    "path",
    [
        f"{TERRAFORM.name}/{name}"
        for name in (
            "terraform.tfvars",
            "terraform.tfstate",
            "terraform.tfstate.backup",
            ".terraform.tfstate.lock.info",
            ".terraform/providers/any",
            "secrets/address",
            "secrets/root_password",
            "secrets/run.abc/plan",
        )
    ]
    + [f"{PROVISION.name}/inventory/group_vars/production/server.yml"],
)
def test_git_ignores_what_belongs_to_one_installation(path: str) -> None:
    assert subprocess.run(["git", "check-ignore", "-q", path], cwd=ROOT, check=False).returncode == 0


def test_a_machine_without_terraform_is_reported(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert terraform.why_not.__wrapped__() == "Terraform is not installed"


def test_terraform_without_the_provider_is_reported_in_its_own_words(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    fake = tmp_path / "terraform"
    fake.write_text("#!/bin/sh\nprintf '│ Warning: old\\n│ Error: no such\\n│   provider\\n' >&2\nexit 1\n")
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setattr(terraform, "_scratch", lambda: tmp_path / "copy")
    assert terraform.why_not.__wrapped__() == "Terraform finds no provider vultr/vultr: Error: no such provider"
