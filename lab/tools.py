"""Programs of the machine that the lab runs on: found, run, and explained where they fail."""

import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from lab.errors import LabError

# Program -> Debian package that brings it.
PACKAGES: Mapping[str, str] = {
    "qemu-system-x86_64": "qemu-system-x86",
    "qemu-img": "qemu-utils",
    "mmdebstrap": "mmdebstrap",
    "gpg": "gpg",
    "apt-ftparchive": "apt-utils",
    "dpkg-deb": "dpkg",
    "mke2fs": "e2fsprogs",
    "ssh": "openssh-client",
    "ssh-keygen": "openssh-client",
    "newuidmap": "uidmap",
}


def find(program: str) -> str:
    """Path of a program. Raises LabError that names the package where it is missing."""
    path = shutil.which(program, path="/usr/local/sbin:/usr/sbin:/sbin") or shutil.which(program)
    if path is None:
        package = PACKAGES.get(program, program)
        raise LabError(f"The program {program} is not installed.", f"apt install {package}")
    return path


def run(
    argv: Sequence[str | Path],
    what: str,
    *,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    log: Path | None = None,
    stdin: bytes | None = None,
    cure: str = "",
) -> str:
    """Run a program to its end and return its stdout.

    Args:
        argv: program and arguments; the program is looked up by `find`.
        what: the step in a person's words, for the error message.
        env: the whole environment, or None for ours.
        cwd: folder to start it in, or None for ours.
        log: file that receives stdout and stderr instead; the result is then empty.
        stdin: bytes for its standard input; nothing where None.
        cure: what to do when it fails.

    Raises:
        LabError: the program is missing or failed; carries its last lines.
    """
    command = [find(str(argv[0])), *map(str, argv[1:])]
    if log is None:
        done = subprocess.run(command, input=stdin, capture_output=True, env=env, cwd=cwd, check=False)
        stdout, said = done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace")
    else:
        with log.open("ab") as sink:
            done = subprocess.run(
                command, input=stdin, stdout=sink, stderr=subprocess.STDOUT, env=env, cwd=cwd, check=False
            )
        stdout, said = "", log.read_text(errors="replace")
    if done.returncode != 0:
        last = "\n".join(f"  | {line}" for line in said.strip().splitlines()[-12:])
        raise LabError(f"{what} failed: {argv[0]} ended with status {done.returncode}.\n{last}", cure)
    return stdout
