"""Terraform's own tests of terraform/, and what they cannot see: git, and a machine without Terraform."""

import os
import subprocess

import pytest

from lab.paths import PROVISION, ROOT, TERRAFORM
from proof import process, terraform


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


def test_a_machine_without_terraform_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    terraform.why_not.cache_clear()
    assert terraform.why_not() == "Terraform is not installed"
    terraform.why_not.cache_clear()


def test_terraform_without_the_provider_is_told_in_its_own_words(monkeypatch: pytest.MonkeyPatch) -> None:
    said = "╷\n│ Error: Failed to query available provider packages\n│\n│ Could not retrieve the list\n╵\n"
    monkeypatch.setattr("shutil.which", lambda _: "/usr/bin/terraform")
    monkeypatch.setattr(terraform, "_prepare", lambda: process.Finished(1, "", said, 0.1, timed_out=False))
    terraform.why_not.cache_clear()
    assert terraform.why_not() == (
        "Terraform finds no provider vultr/vultr: "
        "Error: Failed to query available provider packages Could not retrieve the list"
    )
    terraform.why_not.cache_clear()
