"""Users and groups. Unlike testinfra: a number is no name, and first groups count as membership."""

import datetime
from typing import Any

from proof.transport.errors import NoAnswerError
from proof.transport.modules.asker import Asker, hidden
from proof.transport.rpc import accounts

EPOCH = datetime.datetime(1970, 1, 1)  # noqa: DTZ001 - testinfra's dates have no zone


class User:
    """A user; the current one where no name is given. Attributes fail if there is no such user."""

    def __init__(self, asker: Asker, name: str | None = None) -> None:
        self._asker = asker
        self._name = name

    def __repr__(self) -> str:
        return f"<user {self.name}>"

    @property
    def name(self) -> str:
        """The user's name."""
        if self._name is None:
            self._name = str(self._asker.ask("current user", accounts.current_user))
        return self._name

    def _entry(self, what: str) -> Any:
        def shown(entry: dict[str, Any] | None) -> str:
            return "no such user" if entry is None else repr(entry[what])

        entry = self._asker.ask(f"user {self.name} {what}", accounts.user, self.name, shown=shown)
        if entry is None:
            raise NoAnswerError(f"there is no user {self.name}")
        return entry[what]

    def _shadow(self, what: str, field: int) -> str:
        question = f"user {self.name} {what}"
        return str(self._asker.ask(question, accounts.shadow, self.name, shown=hidden)[field])

    @property
    def exists(self) -> bool:
        """Whether there is a user of this name."""
        question = f"user {self.name} exists"
        shown = lambda entry: repr(entry is not None)  # noqa: E731
        return self._asker.ask(question, accounts.user, self.name, shown=shown) is not None

    @property
    def uid(self) -> int:
        """Number of the user."""
        return int(self._entry("uid"))

    @property
    def gid(self) -> int:
        """Number of the first group."""
        return int(self._entry("gid"))

    @property
    def group(self) -> str:
        """Name of the first group."""
        return str(self._entry("groups")[0])

    @property
    def groups(self) -> list[str]:
        """Names of all groups, the first one first."""
        return list(self._entry("groups"))

    @property
    def home(self) -> str:
        """Home folder."""
        return str(self._entry("home"))

    @property
    def password(self) -> str:
        """Encrypted password, from the shadow file where passwd points there; never shown in the evidence."""
        question = f"user {self.name} password"
        entry = self._asker.ask(question, accounts.user, self.name, shown=hidden)
        if entry is None:
            raise NoAnswerError(f"there is no user {self.name}")
        return self._shadow("password", 1) if entry["password"] == "x" else str(entry["password"])  # noqa: S105


class Group:
    """A group. Attributes fail if there is no such group."""

    def __init__(self, asker: Asker, name: str) -> None:
        self._asker = asker
        self.name = name

    def __repr__(self) -> str:
        return f"<group {self.name}>"

    def _entry(self, what: str) -> dict[str, Any] | None:
        entry: dict[str, Any] | None = self._asker.ask(f"group {self.name} {what}", accounts.group, self.name)
        return entry

    def _there(self, what: str) -> Any:
        entry = self._entry(what)
        if entry is None:
            raise NoAnswerError(f"there is no group {self.name}")
        return entry[what]

    @property
    def exists(self) -> bool:
        """Whether there is a group of this name."""
        return self._entry("exists") is not None

    @property
    def gid(self) -> int:
        """Number of the group."""
        return int(self._there("gid"))

    @property
    def members(self) -> list[str]:
        """All users in it, those too whose first group it is."""
        return list(self._there("members"))


def _number(text: str) -> int | None:
    try:
        return int(text)
    except ValueError:
        return None
