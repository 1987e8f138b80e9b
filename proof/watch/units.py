"""The systemd units of a watch, of the user who installs it: a service and its timer, and a second pair for silence."""

import subprocess
import sys
from pathlib import Path

from lab import tools
from lab.errors import LabError
from lab.paths import ROOT

FOLDER = Path("~/.config/systemd/user")
SERVICE = """\
[Unit]
Description=mail-lab: {what} {host}
Documentation=file://{root}/docs/watching.md

[Service]
Type=oneshot
WorkingDirectory={root}
ExecStart={program} watch {command} --host={host}
TimeoutStartSec={seconds}
SuccessExitStatus=1
Nice=10
"""
TIMER = """\
[Unit]
Description=mail-lab: {what} {host}

[Timer]
OnCalendar={calendar}
Persistent={persistent}
RandomizedDelaySec={spread}

[Install]
WantedBy=timers.target
"""
LOOK_SECONDS, SILENCE_SECONDS = 3600, 120
EVERY_CHECK = "*:0/15"


def names(host: str) -> tuple[str, str]:
    """The units of a host without their ending: the watch, and the switch that notices its silence."""
    return f"mail-lab-watch-{host}", f"mail-lab-silence-{host}"


def texts(host: str, calendar: str, root: Path = ROOT) -> dict[str, str]:
    """The unit files by name.

    Args:
        host: target to watch.
        calendar: when to look, as systemd writes it.
        root: the checkout.
    """
    watch, switch = names(host)
    shared = {"host": host, "root": root, "program": Path(sys.executable).with_name("proof")}
    return {
        f"{watch}.service": SERVICE.format(what="look at", command="run", seconds=LOOK_SECONDS, **shared),
        # A machine that slept looks as soon as it is awake.
        f"{watch}.timer": TIMER.format(what="look at", host=host, calendar=calendar, persistent="true", spread=120),
        f"{switch}.service": SERVICE.format(
            what="notice silence about", command="check", seconds=SILENCE_SECONDS, **shared
        ),
        f"{switch}.timer": TIMER.format(
            what="notice silence about", host=host, calendar=EVERY_CHECK, persistent="false", spread=0
        ),
    }


def install(host: str, calendar: str, folder: Path | None = None) -> list[Path]:
    """Write the units, and start both timers.

    Returns:
        The files.

    Raises:
        LabError: systemd refuses them, or there is no systemd of this user; nothing is left then.
    """
    home = (folder or FOLDER).expanduser()
    home.mkdir(parents=True, exist_ok=True)
    made = []
    try:
        for name, text in texts(host, calendar).items():
            path = home / name
            path.write_text(text, encoding="utf-8")
            made.append(path)
        _systemd("systemd-analyze", "--user", "verify", *map(str, made))
        _systemctl("daemon-reload")
        _systemctl("enable", "--now", *(f"{name}.timer" for name in names(host)))
    except BaseException:
        for path in made:
            path.unlink(missing_ok=True)
        raise
    return made


def uninstall(host: str, folder: Path | None = None) -> list[Path]:
    """Stop both timers and remove the units; returns those that were there. Raises LabError."""
    home = (folder or FOLDER).expanduser()
    there = [home / f"{name}.{kind}" for name in names(host) for kind in ("service", "timer")]
    there = [path for path in there if path.exists()]
    if there:
        _systemctl("disable", "--now", *(path.name for path in there if path.suffix == ".timer"))
    for path in there:
        path.unlink()
    if there:
        _systemctl("daemon-reload")
    return there


def next_looks(host: str) -> str:
    """What systemd says of both timers; empty if there is no systemd of this user."""
    done = subprocess.run(
        ["systemctl", "--user", "list-timers", "--all", *(f"{name}.timer" for name in names(host))],
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout.strip() if done.returncode == 0 else ""


def _systemctl(*arguments: str) -> None:
    _systemd("systemctl", "--user", *arguments)


def _systemd(*command: str) -> None:
    try:
        tools.run(command, " ".join(command[:3]))
    except LabError as error:
        raise LabError(error.what, "systemd must run for your user: log in, or loginctl enable-linger") from error
