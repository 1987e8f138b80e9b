"""The watch of one host: looks, remembers, tells; and the switch that notices when it does not."""

import fcntl
import json
import os
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from lab import atomic, locks
from lab.errors import LabError
from lab.paths import BUILD, FEATURES
from proof.gherkin import tracker
from proof.watch import memory as memories
from proof.watch import metrics, notify
from proof.watch.look import UnseenError, see
from proof.watch.memory import Look, Memory, Message, Result
from proof.whole_host import journal, looks

# How often: as systemd writes it, and the time between two.
EVERY = {
    "quarter-hourly": ("*:0/15", timedelta(minutes=15)),
    "hourly": ("hourly", timedelta(hours=1)),
    "daily": ("daily", timedelta(days=1)),
}
LATE = 3  # looks that may be missing before it is silence
CHECK = timedelta(minutes=15)
ASLEEP = 2  # checks that may be missing before the machine must have slept or been off
MOST_UNSENT = 50

See = Callable[[bool], Sequence[Result]]
Clock = Callable[[], datetime]


def utc() -> datetime:
    """The time."""
    return datetime.now(UTC)


@dataclass(frozen=True)
class Settings:
    """How a host is watched: how often it is looked at and scanned, and the file for its metrics, if one is wanted."""

    calm: str = "hourly"
    scan: str = "daily"
    metrics: str = ""


@dataclass(frozen=True)
class Watch:
    """What the watch of a host keeps on this machine."""

    host: str
    folder: Path

    @classmethod
    def of(cls, host: str) -> "Watch":
        """The watch of a target in this checkout."""
        return cls(host, BUILD / "watch" / host)

    @property
    def memory_file(self) -> Path:
        """What is remembered of the host."""
        return self.folder / "memory.json"

    @property
    def log(self) -> Path:
        """What the last look printed."""
        return self.folder / "look.txt"

    def settings(self) -> Settings:
        """As it was installed, or as usual."""
        try:
            return Settings(**json.loads((self.folder / "settings.json").read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return Settings()

    def keep_settings(self, settings: Settings) -> None:
        """Remember them for each look."""
        atomic.write(self.folder / "settings.json", json.dumps(asdict(settings), indent=1))

    @contextmanager
    def alone(self) -> Iterator[bool]:
        """Yields False if another look is at work."""
        self.folder.mkdir(parents=True, exist_ok=True)
        try:
            with locks.hold(self.folder, fcntl.LOCK_EX | fcntl.LOCK_NB):
                yield True
        except BlockingIOError:
            yield False

    def run(self, look: See | None = None, clock: Clock = utc, *, scan: bool = False) -> int:
        """Look at the host, and tell what is news.

        Args:
            look: looks, with the scan or without it.
            clock: the time.
            scan: whether the outsider scans it even if that is not due.

        Returns:
            0 if every criterion that was tried is proved, 1 if one is red or the host was not seen.

        Raises:
            LabError: nothing can be remembered, so nothing is told: the switch will notice.
        """
        with self.alone() as alone:
            if not alone:
                print(f"Another look at {self.host} is at work.")
                return 0
            memory = memories.read(self.memory_file)
            if memory.paused(clock()):
                assert memory.pause is not None
                print(
                    f"{self.host} is not looked at until {memory.pause.until:%Y-%m-%d %H:%M} UTC: {memory.pause.reason}"
                )
                return 0
            self._keep(replace(memory, pause=None))
            return self._look(replace(memory, pause=None), look or self._see, clock, scan)

    def _look(self, memory: Memory, look: See, clock: Clock, scan: bool) -> int:
        settings = self.settings()
        due = memory.scanned is None or clock() - memory.scanned >= EVERY[settings.scan][1]
        before, started = looks.read(self.host), time.monotonic()
        try:
            found = Look(clock(), tuple(look(scan or due)), scanned=scan or due)
        except UnseenError as error:
            found = Look(clock(), why=str(error))
        seconds = time.monotonic() - started
        memory, messages = memories.after(
            memory, self.host, found, tracker.read(FEATURES / tracker.FILE).fresh_days.get(self.host)
        )
        changes = self._journal(before)
        memory = replace(memory, unsent=tuple(self._tell([*memory.unsent, *messages])))
        self._keep(memory)
        if settings.metrics:
            metrics.write(Path(settings.metrics), self.host, memory, found, seconds=seconds, changes=changes)
        red = sum(one.red for one in found.results)
        print(f"{self.host}: {found.why or f'{len(found.results)} criteria, {red} red'}, in {seconds:.0f} s")
        return 1 if red or found.why else 0

    def _see(self, scan: bool) -> Sequence[Result]:
        return see(self.host, scan=scan, log=self.log)

    def _journal(self, before: looks.Look | None) -> dict[str, int]:
        """Note what changed on the host since the look before; returns how much, by section."""
        now = looks.read(self.host)
        if before is None or now is None or now.at == before.at:
            return {}
        entries = journal.between(self.host, before, now)
        journal.append(entries)
        return dict(Counter(one.section for one in entries))

    def _tell(self, messages: Sequence[Message]) -> list[Message]:
        for one in messages:
            print(f"{one.title}\n{one.body}")
        return notify.send(messages)[-MOST_UNSENT:] if messages else []

    def _keep(self, memory: Memory) -> None:
        try:
            memories.write(self.memory_file, memory)
        except OSError as error:
            raise LabError(f"What was seen of {self.host} cannot be remembered: {error}") from error

    def check(self, clock: Clock = utc) -> int:
        """Tell if the watch is silent; returns 1 if it is. Once for each silence, and not for one that slept.

        What it notes is in memory, so that a full disk does not silence it.
        """
        note = self._note()
        try:
            noted = json.loads(note.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            noted = {}
        now, memory = clock(), memories.read(self.memory_file)
        checked = datetime.fromisoformat(noted["checked"]) if "checked" in noted else None
        slept = checked is None or now - checked > ASLEEP * CHECK
        longest = LATE * EVERY[self.settings().calm][1]
        found = None if slept else memories.silence(memory, self.host, now, longest)
        about = str(memory.tried)
        if found and noted.get("told") != about and not self._tell([found]):
            noted["told"] = about
        elif not found:
            noted.pop("told", None)
        note.parent.mkdir(parents=True, exist_ok=True)
        note.write_text(json.dumps({**noted, "checked": now.isoformat()}), encoding="utf-8")
        return 1 if found else 0

    def _note(self) -> Path:
        runtime = os.environ.get("XDG_RUNTIME_DIR") or f"/tmp/mail-lab-{os.getuid()}"  # noqa: S108
        return Path(runtime) / "mail-lab-watch" / f"{self.host}.json"

    def pause(self, until: datetime, reason: str) -> None:
        """Do not look, and tell nothing, until a time. Raises LabError."""
        self._keep(replace(memories.read(self.memory_file), pause=memories.Pause(until, reason)))

    def resume(self) -> None:
        """Look again. Raises LabError."""
        self._keep(replace(memories.read(self.memory_file), pause=None))
