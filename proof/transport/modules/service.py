"""Units of systemd. Unlike testinfra: enabled means that the next boot starts it, and names are no patterns."""

from proof.transport.modules.asker import Asker
from proof.transport.rpc import units

RUNNING = ("active", "reloading", "refreshing")


class Service:
    """A unit; without a suffix a service."""

    def __init__(self, asker: Asker, name: str) -> None:
        self._asker = asker
        self.name = name

    def __repr__(self) -> str:
        return f"<service {self.name}>"

    def _word(self, which: str) -> str:
        return str(self._asker.ask(f"unit {self.name} {which}", units.word, self.name, which))

    @property
    def state(self) -> dict[str, str]:
        """id, load, active and sub, with the words of `systemctl show`."""
        return dict(self._asker.ask(f"unit {self.name} state", units.unit, self.name))

    @property
    def file_state(self) -> str:
        """What `systemctl is-enabled` prints; empty if there is no such file."""
        return str(self._asker.ask(f"unit {self.name} file state", units.file_state, self.name))

    @property
    def exists(self) -> bool:
        """Whether systemd knows a unit of exactly this name: file, instance of a template, alias, generated, masked."""
        return self._word("LoadState") != "not-found"

    @property
    def is_running(self) -> bool:
        """Whether it is active now; one that is still activating, or restarting again and again, is not."""
        return self._word("ActiveState") in RUNNING

    @property
    def is_enabled(self) -> bool:
        """Whether the next boot starts it: enabled for good, or (static, generated) pulled in by another unit."""
        return bool(self._asker.ask(f"unit {self.name} is_enabled", units.starts_at_boot, self.name))
