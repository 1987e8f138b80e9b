"""The lab for scenarios: every use is recorded, and connections are dropped before a machine restarts."""

from collections.abc import Callable, Sequence
from pathlib import Path
from time import monotonic
from typing import Protocol

from lab.agent import Completed
from lab.errors import LabError
from proof.evidence.record import Evidence
from proof.evidence.recorder import Recorder, shortened
from proof.evidence.redact import redactor


class LabControl(Protocol):
    """The part of `lab.lab.Lab` that proving needs."""

    def up(self, at: str | None = None) -> None:
        """Bring the lab to the state after a task, or to its full state; nothing to do if it is there."""

    def running(self) -> bool:
        """Whether both VMs run."""

    def reset(self) -> None:
        """Restore memory and disk of both VMs; returns when a command runs in both."""

    def exec(self, node: str, argv: Sequence[str], stdin: bytes = b"", timeout: float = 60.0) -> Completed:
        """Run a command as root on a node, out of band."""

    def reboot(self, node: str) -> None:
        """Reboot a node through its own init; returns when the new boot answers."""

    def power_cut(self, node: str) -> None:
        """Reset a node's machine hard; returns when the new boot answers."""

    def collect(self, folder: Path) -> None:
        """Write logs and tables of both nodes into a folder."""

    def down(self) -> None:
        """End both VMs."""

    def origin(self) -> dict[str, str]:
        """What the lab is made by and from."""


def open_lab(provider: str | None = None) -> LabControl:
    """The lab of this checkout; `provider` is the name of its provider, None for the default."""
    from lab.lab import Lab  # noqa: PLC0415 - a run without the lab needs none of it

    return Lab.of_checkout(provider)


class RecordedLab:
    """A lab whose every use is evidence; `drop` is called before a machine loses its connections."""

    def __init__(self, lab: LabControl, recorder: Recorder, drop: Callable[[], None]) -> None:
        self._lab = lab
        self._recorder = recorder
        self._drop = drop
        self._cut = False

    def up(self, at: str | None = None) -> None:
        """Bring the lab to the state after a task, or to its full state; nothing to do if it is there."""
        self._lab.up(at)

    def running(self) -> bool:
        """Whether both VMs run."""
        return self._lab.running()

    def origin(self) -> dict[str, str]:
        """What the lab is made by and from."""
        return self._lab.origin()

    def exec(self, node: str, argv: Sequence[str], stdin: bytes = b"", timeout: float = 60.0) -> Completed:
        """Run a command as root on a node, out of band, and record it."""
        started = monotonic()
        done = self._lab.exec(node, argv, stdin=stdin, timeout=timeout)
        self._recorder.command(
            f"{node}, out of band",
            shortened(" ".join(argv), 400),
            exit_status=done.exit_status,
            stdout=done.stdout,
            stderr=done.stderr,
            seconds=monotonic() - started,
        )
        return done

    def look(self, node: str, argv: Sequence[str], timeout: float, name: str) -> Evidence:
        """Run a command as root on a node for the report of a failure; `name` begins its files' names."""
        started = monotonic()
        done = self._lab.exec(node, argv, timeout=timeout)
        return self._recorder.describe(
            f"{node}, out of band",
            " ".join(argv),
            exit_status=done.exit_status,
            stdout=done.stdout,
            stderr=done.stderr,
            seconds=monotonic() - started,
            name=name,
        )

    def reset(self) -> None:
        """Restore both VMs, and forget connections into them."""
        self._drop()
        with self._recorder.watching("lab", "reset of both machines"):
            self._lab.reset()

    def reboot(self, node: str) -> None:
        """Reboot a node; returns when its new boot answers out of band."""
        self._drop()
        with self._recorder.watching("lab", f"reboot of {node}"):
            self._lab.reboot(node)

    def power_cut(self, node: str) -> None:
        """Cut a node's power and start it again; returns when its new boot answers out of band."""
        self._drop()
        with self._recorder.watching("lab", f"power cut of {node}"):
            self._lab.power_cut(node)
        self._cut = True

    def power_was_cut(self) -> bool:
        """Whether a power was cut since this was asked last: what was on its way to the disk is lost."""
        cut, self._cut = self._cut, False
        return cut

    def alive(self, node: str, timeout: float) -> bool:
        """Whether a command runs on a node out of band."""
        try:
            return self._lab.exec(node, ["true"], timeout=timeout).exit_status == 0
        except LabError:
            return False

    def collect(self, folder: Path) -> None:
        """Write logs and tables of both nodes into a folder, redacted."""
        folder.mkdir(parents=True, exist_ok=True)
        self._lab.collect(folder)
        for path in folder.rglob("*"):
            if path.is_file():
                text = path.read_text(encoding="utf-8", errors="replace")
                path.write_text(redactor(text), encoding="utf-8")
