"""What the host's script makes of passwords; PostgreSQL and crypt(3) have the last word in tests/database."""

import subprocess
import sys
from pathlib import Path

import pytest

from proof.database import scram
from proof.database.sha_crypt import SCHEME, crypt3

PASSWORD = "dEnS-32_characters-that-are-safe"  # noqa: S105


def run(*arguments: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(scram.SCRIPT), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, check=False, text=True)


@pytest.fixture
def services(tmp_path: Path) -> Path:
    path = tmp_path / "services"
    path.write_text(f"postfix={PASSWORD}\ndovecot=a=b\n")
    return path


def test_a_variable_for_each_service(services: Path) -> None:
    done = run(services)
    assert done.stdout.splitlines() == [
        f"\\set postfix_password '{scram.verifier('postfix', PASSWORD)}'",
        f"\\set dovecot_password '{scram.verifier('dovecot', 'a=b')}'",
    ]
    assert PASSWORD not in done.stdout


def test_the_same_password_is_the_same_verifier_and_no_others() -> None:
    made = scram.verifier("postfix", PASSWORD)
    assert made == scram.verifier("postfix", PASSWORD)
    assert made not in {scram.verifier("dovecot", PASSWORD), scram.verifier("postfix", PASSWORD + "x")}
    assert made.startswith("SCRAM-SHA-256$4096:")
    assert "'" not in made
    assert "\\" not in made


def test_the_test_users_get_a_hash_that_crypt_takes(services: Path, tmp_path: Path) -> None:
    users = tmp_path / "users"
    users.write_text(f"password={PASSWORD}\n")
    first, second = (run(services, users).stdout.splitlines()[-1] for _ in range(2))
    prefix = f"\\set test_password_hash '{SCHEME}"
    assert first.startswith(prefix)
    assert first != second, "the salt is random"
    stored = first.removeprefix(prefix).removesuffix("'")
    assert crypt3(PASSWORD, stored) == stored


@pytest.mark.parametrize("line", ["postfix=", "=x", "postfix", "postfix=pass word", "postfix=Paßwort"])
def test_what_is_no_password_is_refused_and_not_repeated(tmp_path: Path, line: str) -> None:
    path = tmp_path / "services"
    path.write_text(line + "\n")
    done = run(path)
    assert done.returncode == 1
    assert done.stdout == ""
    assert "password_variables.py: " in done.stderr
    assert "Traceback" not in done.stderr
    assert "pass word" not in done.stderr


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    done = run(tmp_path / "nowhere")
    assert done.returncode == 1
    assert "nowhere" in done.stderr
