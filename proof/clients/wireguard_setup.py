"""The script setup_wg_credentials.sh as an operator uses it: in a shell with a history, with all programs watched."""

import base64
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from proof import process
from proof.clients.terminal import Terminal
from proof.deployment import sources

SCRIPT = sources.provision() / "setup_wg_credentials.sh"
PROMPT = "ready> "
ENDED = "status="
SEARCH_PATH = ("/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin")

# Stands in for every program: notes the arguments and the environment it was given, then becomes the real one.
WATCHER = """#!/bin/sh
{ /usr/bin/tr '\\0' '\\n' </proc/$$/cmdline; /usr/bin/tr '\\0' '\\n' </proc/$$/environ; } >>"@HOME@/programs"
exec "@HOME@/real/${0##*/}" "$@"
"""


@dataclass(frozen=True)
class Keys:
    """Throw-away keys, as WireGuard writes them."""

    private: str = field(repr=False)
    hub_public: str
    preshared: str = field(repr=False)

    @property
    def secrets(self) -> tuple[str, ...]:
        """What no one may see."""
        return self.private, self.preshared


@dataclass(frozen=True)
class Use:
    """One use of the script.

    Args:
        screen: everything that was shown, or what it wrote if there was no terminal.
        programs: arguments and environment of every program that was started in the meantime.
        history: what the shell wrote into its history.
        home: the operator's home, in which nothing else was before.
        secrets: what was typed and no one may see.
    """

    status: int
    screen: str
    programs: str
    history: str
    home: Path
    secrets: tuple[str, ...] = field(repr=False)

    @property
    def files(self) -> tuple[Path, ...]:
        """What the script left behind in the home."""
        ours = ("programs", ".history", "real", "watched")
        found = (path for path in self.home.rglob("*") if path.is_file())
        return tuple(path for path in found if path.relative_to(self.home).parts[0] not in ours)


def throw_away_keys() -> Keys:
    """New keys that nothing else uses."""

    def text(raw: bytes) -> str:
        return base64.b64encode(raw).decode()

    mine, hubs = X25519PrivateKey.generate(), X25519PrivateKey.generate()
    return Keys(
        text(mine.private_bytes_raw()), text(hubs.public_key().public_bytes_raw()), text(secrets.token_bytes(32))
    )


def type_in(keys: Keys, home: Path) -> Use:
    """Answer the script's questions at a terminal until it ends."""
    answers = (
        ("private key", keys.private, True),
        ("public key", keys.hub_public, False),
        ("preshared key", keys.preshared, True),
    )
    with Terminal(["bash", "--norc", "--noprofile", "-i"], _environment(home), home) as terminal:
        terminal.expect(PROMPT)
        terminal.type(f"{SCRIPT}; echo {ENDED}$?")
        terminal.expect("$?")
        for question, answer, hidden in answers:
            if terminal.expect(question, ENDED) == ENDED:
                break
            if hidden:
                terminal.expect_hidden_input()
            terminal.type(answer)
        else:
            terminal.expect(ENDED)
        terminal.expect(PROMPT)
        terminal.type("exit")
        terminal.wait()
        screen = terminal.screen
    status = re.findall(rf"{ENDED}(\d+)", screen)[-1]
    return _use(int(status), screen, home, keys.secrets)


def pipe_in(keys: Keys, home: Path, arguments: Sequence[str] = ()) -> Use:
    """Hand the keys over on the standard input, one a line."""
    lines = "".join(f"{line}\n" for line in (keys.private, keys.hub_public, keys.preshared))
    done = process.run([str(SCRIPT), *arguments], timeout=30, cwd=home, env=_environment(home), stdin=lines.encode())
    return _use(done.exit_status, done.stdout + done.stderr, home, keys.secrets)


def _use(status: int, screen: str, home: Path, typed: tuple[str, ...]) -> Use:
    history = home / ".history"
    return Use(
        status,
        screen,
        (home / "programs").read_text(encoding="utf-8", errors="replace"),
        history.read_text(encoding="utf-8") if history.exists() else "",
        home,
        typed,
    )


def _environment(home: Path) -> Mapping[str, str]:
    """A home of its own, and a search path on which every program is watched."""
    real, watched = home / "real", home / "watched"
    real.mkdir(parents=True)
    watched.mkdir()
    (home / "programs").touch()
    watcher = home / "watched" / ".watcher"
    watcher.write_text(WATCHER.replace("@HOME@", str(home)))
    watcher.chmod(0o755)
    for folder in map(Path, SEARCH_PATH):
        for program in folder.iterdir() if folder.is_dir() else ():
            if not (real / program.name).is_symlink():
                (real / program.name).symlink_to(program)
                (watched / program.name).symlink_to(watcher)
    return {
        "HOME": str(home),
        "PATH": str(watched),
        "HISTFILE": str(home / ".history"),
        "PS1": PROMPT,
        "TERM": "dumb",
        "LC_ALL": "C.UTF-8",
    }
