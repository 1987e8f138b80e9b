"""The hosts and places of scenarios: connected at the first request, with one login each, again after a reset.

In the lab the hub is a machine of the lab's, and outsider and intruder are places on it. For any other target the
operator may name machines of their own for them: `hub_host` and `outsider_host` of the inventory, as ssh knows them.
"""

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING, Any, cast

from proof.evidence.recorder import Recorder
from proof.hosts.target import LAB, Target

if TYPE_CHECKING:
    from proof.transport.host import Host
    from proof.transport.observation import Observation
    from proof.transport.spec import ConnectionSpec

MAIL, HUB, OUTSIDER, INTRUDER = "mail", "hub", "outsider", "intruder"
RUNNER = "runner"  # this machine
ON_THE_HUB: Mapping[str, tuple[str, ...]] = {name: ("ip", "netns", "exec", name) for name in (OUTSIDER, INTRUDER)}
HUB_USER = "root"


def variable_naming(name: str) -> str:
    """The inventory's variable that names an operator's machine for a place."""
    return f"{name}_host"


def operator_places(target: Target) -> list[str]:
    """Places for which the operator named a machine; the lab has its own."""
    places = (HUB, OUTSIDER, INTRUDER)
    return [] if target.name == LAB else [name for name in places if target.variables.get(variable_naming(name))]


def has(target: Target, name: str) -> bool:
    """Whether scenarios against a target can look from this place."""
    return target.name == LAB or name in (MAIL, RUNNER) or name in operator_places(target)


def connection_spec(target: Target, name: str) -> "ConnectionSpec":
    """The administrator's login on mail, the lab's on the hub, or the operator's on a machine for a place."""
    from proof.transport.spec import ConnectionSpec  # noqa: PLC0415 - loaded by the first run that connects

    if name != MAIL and target.name != LAB:
        return ConnectionSpec(
            "", target.text(variable_naming(name)), ssh_config=target.ssh_config, sudo=True, name=name
        )
    if name == HUB:
        return ConnectionSpec(HUB_USER, HUB, ssh_config=target.ssh_config, name=HUB)
    return ConnectionSpec(
        user=target.text("admin_user"),
        address=target.text("vpn_address"),
        port=target.number("ssh_port"),
        ssh_config=target.ssh_config,
        sudo=True,
        name=name,
        host_key_alias=target.name,
    )


class HostProxy:
    """Represents a host for the whole run; each request goes to its present connection."""

    def __init__(self, name: str, current: Callable[[str], "Host"]) -> None:
        self._name = name
        self._current = current

    def __getattr__(self, attribute: str) -> Any:  # noqa: ANN401 - a host's attributes are of every type
        return getattr(self._current(self._name), attribute)

    def __repr__(self) -> str:
        return f"<{self._name}>"


class Connections:
    """One connection a host, for one run against one target.

    After `mark_lost`, whatever is asked of that host fails at once with the same error, until `drop`.
    """

    def __init__(self, target: Target, recorder: Recorder) -> None:
        self._target = target
        self._recorder = recorder
        self._open: dict[str, Host] = {}
        self._coming: dict[str, Future[Host]] = {}
        self._pool = ThreadPoolExecutor(thread_name_prefix="connect")
        self._lost: dict[str, Exception] = {}
        self._asked: set[str] = set()

    def host(self, name: str) -> "Host":
        """The host or place of this name, for the whole run; nothing is opened before something is asked."""
        return cast("Host", HostProxy(name, self.current))

    def current(self, name: str) -> "Host":
        """The live connection to a host or place. Raises `proof.transport.Unreachable`."""
        if name in self._lost:
            raise self._lost[name].with_traceback(None)
        self._asked.add(HUB if self._on_the_hub(name) else name)
        self._arrive(name)
        if name not in self._open:
            self._open[name] = self._connect(name)
        return self._open[name]

    def connect(self, names: Iterable[str]) -> None:
        """Start connecting to hosts in parallel; the first request to one of them waits for its connection.

        The first request to a host that could not be reached tries again, and raises the error.
        """
        for name in names:
            if name not in self._open and name not in self._coming:
                self._coming[name] = self._pool.submit(self._connected, name)

    def take_used(self) -> list[str]:
        """Hosts, not places, of which something was asked since this was called last."""
        names, self._asked = sorted(self._asked), set()
        return names

    def connected(self, name: str) -> "Host | None":
        """The host, if it is connected now; None if a request would have to connect."""
        return self._open.get(name)

    def _connected(self, name: str) -> "Host":
        host = self._connect(name)
        host.greeting()
        return host

    def _arrive(self, name: str) -> None:
        if coming := self._coming.pop(name, None):
            with suppress(Exception):  # the next request connects again, and raises it
                self._open[name] = coming.result()

    def mark_lost(self, name: str, error: Exception) -> None:
        """Remember that a host does not answer, so that no one waits for it again."""
        self._lost[name] = error

    def is_lost(self, name: str) -> bool:
        """Whether this host is known not to answer."""
        return name in self._lost

    def host_of(self, error: Exception) -> str:
        """The host that an `Unreachable` speaks of; the lab's places are reached through the hub."""
        name = str(getattr(getattr(error, "way", None), "name", MAIL))
        return HUB if self._on_the_hub(name) else name

    def drop(self) -> None:
        """Forget everything at once: the machines behind it are about to be others."""
        self._end(lambda host: host.abandon())

    def close(self) -> None:
        """End everything so that nothing stays behind on any host."""
        self._end(lambda host: host.close())

    def _end(self, way: Callable[["Host"], None]) -> None:
        for name in tuple(self._coming):
            self._arrive(name)
        for name in [name for name in self._open if not self._on_the_hub(name)]:
            with suppress(Exception):  # what cannot be ended is gone already
                way(self._open[name])
        self._open.clear()
        self._lost.clear()

    def _on_the_hub(self, name: str) -> bool:
        return self._target.name == LAB and name in ON_THE_HUB

    def _connect(self, name: str) -> "Host":
        from proof.transport import host  # noqa: PLC0415 - loaded by the first run that connects

        if self._on_the_hub(name):
            return host.place(self.current(HUB), name, ON_THE_HUB[name])
        if name == RUNNER:
            return host.here(name, self._observe)
        return host.connect(connection_spec(self._target, name), self._observe)

    def _observe(self, seen: "Observation") -> None:
        self._recorder.command(
            seen.place,
            seen.command,
            exit_status=seen.exit_status,
            stdout=seen.stdout,
            stderr=seen.stderr,
            seconds=seen.seconds,
        )
