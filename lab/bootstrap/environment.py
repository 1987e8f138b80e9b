"""The project's Python environment in .venv: made once, brought up to date when what defines it changes."""

import hashlib
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lab import locks
from lab.bootstrap import stage
from lab.paths import BUILD, ROOT

VENV = ROOT / ".venv"
_DEFINITIONS = ("pyproject.toml", "constraints.txt")
_OLDEST = "import sys, pip; sys.exit(sys.version_info < (3, 11))"


def ensure(tests: bool = False) -> None:
    """Leave a .venv that matches the definitions; an incomplete, moved or broken one is made again.

    With `tests` it also has what only the unit tests need; once there, that stays until the definitions change.
    """
    with locks.exclusive(BUILD / "bootstrap.lock", _announced):
        made = _stamp().read_text() if _stamp().is_file() else ""
        if made in {fingerprint(tests), fingerprint(tests=True)} and _runs():
            return
        if not _runs() or _unfinished().exists() or _moved():
            _remake()
        _unfinished().touch()
        _stamp().unlink(missing_ok=True)
        stage.run("Install the Python packages into .venv", _install(tests), 90)
        _stamp().write_text(fingerprint(tests))
        _unfinished().unlink()


def fingerprint(tests: bool = False) -> str:
    """Hash of the environment's inputs: the definitions, the checkout's path, and whether it is for tests."""
    digest = hashlib.sha256()
    for name in _DEFINITIONS:
        digest.update((ROOT / name).read_bytes() + b"\0")
    return f"{digest.hexdigest()} {ROOT}{' with tests' if tests else ''}\n"


def _stamp() -> Path:
    return VENV / "made-from"


def _unfinished() -> Path:
    return VENV / "unfinished"


def _python() -> Path:
    return VENV / "bin/python"


def _install(tests: bool) -> tuple[str, ...]:
    extras = "lint,test,browser" if tests else "lint,test"
    pip = (str(_python()), "-m", "pip", "install", "--disable-pip-version-check", "--no-input")
    return (*pip, "--constraint", "constraints.txt", "--editable", f".[{extras}]")


def _runs() -> bool:
    """Whether the environment's interpreter starts, is recent enough and has pip."""
    try:
        probe = subprocess.run([_python(), "-c", _OLDEST], capture_output=True, timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return probe.returncode == 0


def _moved() -> bool:
    """Whether it was made at another path: its commands then start an interpreter that is not here."""
    script = VENV / "bin/pip"
    return not script.is_file() or str(VENV).encode() not in script.read_bytes()[:512]


def _remake() -> None:
    if VENV.is_symlink() or VENV.is_file():
        VENV.unlink()
    elif VENV.exists():
        shutil.rmtree(VENV)
    VENV.mkdir()
    _unfinished().touch()
    stage.run(f"Make .venv with {sys.executable}", (sys.executable, "-m", "venv", str(VENV)), 15)


@contextmanager
def _announced() -> Iterator[None]:
    print("Another make prepares this checkout; waiting for it.", flush=True)
    yield
