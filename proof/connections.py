"""The hosts and places that scenarios speak to: opened when first used, one login each, new after a reset."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any, cast

from proof.evidence import Recorder
from proof.target import Target

if TYPE_CHECKING:
    from proof.transport import Host, Observation

MAIL, HUB = "mail", "hub"
PLACES: Mapping[str, tuple[str, ...]] = {name: ("ip", "netns", "exec", name) for name in ("outsider", "intruder")}
HUB_USER = "root"


class Standing:
    """Stands for a host for the whole run; whatever is asked of it is asked of the connection of that moment."""

    def __init__(self, name: str, current: Callable[[str], "Host"]) -> None:
        self._name = name
        self._current = current

    def __getattr__(self, attribute: str) -> Any:  # noqa: ANN401 - a host's attributes are of every type
        return getattr(self._current(self._name), attribute)

    def __repr__(self) -> str:
        return f"<{self._name}>"


class Connections:
    """One connection a host, for one run against one target.

    After `lose`, whatever is asked of that host fails at once with the same error, until `drop`.
    """

    def __init__(self, target: Target, recorder: Recorder) -> None:
        self._target = target
        self._recorder = recorder
        self._open: dict[str, Host] = {}
        self._lost: dict[str, Exception] = {}

    def host(self, name: str) -> "Host":
        """The host or place of this name, for the whole run; nothing is opened before something is asked."""
        return cast("Host", Standing(name, self.current))

    def current(self, name: str) -> "Host":
        """The live connection to a host or place. Raises `proof.transport.Unreachable`."""
        if name in self._lost:
            raise self._lost[name].with_traceback(None)
        if name not in self._open:
            self._open[name] = self._connect(name)
        return self._open[name]

    def lose(self, name: str, error: Exception) -> None:
        """Remember that a host does not answer, so that nobody waits for it again."""
        self._lost[name] = error

    def lost(self, name: str) -> bool:
        """Whether this host is known not to answer."""
        return name in self._lost

    def blamed(self, error: Exception) -> str:
        """The host that an `Unreachable` speaks of; places are reached through the hub."""
        name = str(getattr(getattr(error, "way", None), "name", MAIL))
        return HUB if name in PLACES else name

    def drop(self) -> None:
        """Close everything and forget what was lost: the machines behind it are about to be others."""
        from proof import transport  # noqa: PLC0415 - loaded by the first run that connects

        for name in [name for name in self._open if name not in PLACES]:
            with suppress(Exception):  # what cannot be closed is gone already
                transport.close(self._open[name])
        self._open.clear()
        self._lost.clear()

    def _connect(self, name: str) -> "Host":
        from proof import transport  # noqa: PLC0415 - loaded by the first run that connects

        if name in PLACES:
            return transport.place(self.current(HUB), name, PLACES[name])
        if name == HUB:
            way = transport.Way(HUB_USER, HUB, ssh_config=self._target.ssh_config, name=HUB)
        else:
            way = transport.Way(
                user=self._target.text("admin_user"),
                address=self._target.text("vpn_address"),
                port=self._target.number("ssh_port"),
                ssh_config=self._target.ssh_config,
                sudo=True,
                name=name,
            )
        return transport.connect(way, self._observe)

    def _observe(self, seen: "Observation") -> None:
        self._recorder.command(
            seen.place,
            seen.command,
            exit_status=seen.exit_status,
            stdout=seen.stdout,
            stderr=seen.stderr,
            seconds=seen.seconds,
        )
