"""A second lab of this checkout: a copy of the project in .lab/second, whose lab runs beside the first.

Two checkouts on one machine run two labs, so a copy needs nothing of its own: boxes and layers are shared already.
"""

import fnmatch
import os
import shutil
import subprocess
import sys
from pathlib import Path

from lab.errors import LabError
from lab.paths import INSTALLATION, ROOT, STATE

FOLDER = STATE / "second"
LEFT_OUT = (
    *(".git", ".lab", ".venv", "build", "*.egg-info", "__pycache__", ".*_cache", ".ansible"),
    *INSTALLATION,
)
DOWN_SECONDS = 60.0


def _left_out(_folder: str, names: list[str]) -> set[str]:
    return {name for name in names if any(fnmatch.fnmatch(name, pattern) for pattern in LEFT_OUT)}


def make(root: Path = ROOT, folder: Path = FOLDER) -> Path:
    """Copy the project in its present state over an earlier copy; the state of that copy's lab stays."""
    if folder.exists():
        for old in folder.iterdir():
            if old.name != STATE.name:
                shutil.rmtree(old) if old.is_dir() and not old.is_symlink() else old.unlink()
    shutil.copytree(root, folder, ignore=_left_out, dirs_exist_ok=True, symlinks=True)
    return folder


def environment() -> dict[str, str]:
    """Environment for programs that run in the copy: they shall find its modules, not those of the first."""
    return {**os.environ, "PYTHONPATH": str(FOLDER), "PYTHONDONTWRITEBYTECODE": "1"}


def down(folder: Path = FOLDER) -> None:
    """Stop both VMs of the second lab, if there is one. Raises LabError if they may still run."""
    if not (folder / STATE.name).exists():
        return
    hint = f"End what runs there, then rm -r {folder}"
    if not (folder / "lab" / "cli.py").exists():  # another checkout's code would end another checkout's lab
        raise LabError(f"The copy of the project in {folder} is half-made: its lab cannot be ended.", hint)
    try:
        subprocess.run(
            [sys.executable, "-m", "lab.cli", "down"],
            cwd=folder,
            env=environment(),
            capture_output=True,
            timeout=DOWN_SECONDS,
            check=True,
        )
    except (subprocess.TimeoutExpired, subprocess.CalledProcessError) as error:
        said = (error.stderr or b"").decode(errors="replace").strip()
        raise LabError(f"The second lab of this checkout was not ended. {said}", hint) from error
