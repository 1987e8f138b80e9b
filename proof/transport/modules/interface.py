"""Network interfaces. Unlike testinfra: no default route is None, and of several the cheapest counts."""

import json
from typing import Any

from proof.transport.modules.asker import Asker
from proof.transport.rpc import links


class Interface:
    """A network interface; `family` (inet, inet6) narrows its addresses and routes."""

    def __init__(self, asker: Asker, name: str, family: str | None = None) -> None:
        self._asker = asker
        self.name = name
        self.family = family

    def __repr__(self) -> str:
        return f"<interface {self.name}>"

    def _ip(self, *words: str) -> list[dict[str, Any]]:
        """Rows that ip(8) prints about it."""
        family = ["-f", self.family] if self.family else []
        argv = ["--json", *family, *words]
        done = self._asker.run(f"ip {' '.join(['%s'] * len(argv))}", *argv)
        assert done.rc == 0, f"{self}: {done}"
        rows: list[dict[str, Any]] = json.loads(done.stdout or "[]")
        return rows

    def _fact(self, what: str) -> Any:
        return self._asker.ask(f"interface {self.name} {what}", links.facts, self.name)[what]

    @property
    def exists(self) -> bool:
        """Whether there is such an interface."""
        return self.name in self._asker.ask(f"interface {self.name} exists", links.names)

    @property
    def is_up(self) -> bool:
        """Whether it is switched on."""
        return bool(self._fact("up"))

    @property
    def networks(self) -> list[str]:
        """Addresses with their prefix length, as 10.100.0.25/24."""
        question = f"interface {self.name} addresses"
        return list(self._asker.ask(question, links.addresses, self.name, self.family or ""))

    @property
    def addresses(self) -> list[str]:
        """Addresses without their prefix length."""
        return [network.partition("/")[0] for network in self.networks]

    @property
    def link(self) -> list[dict[str, Any]]:
        """What `ip link show` prints about it."""
        return self._ip("link", "show", self.name)

    def routes(self, scope: str | None = None) -> list[dict[str, Any]]:
        """Routes over it, as `ip route` prints them."""
        return self._ip("route", "list", "dev", self.name, *(["scope", scope] if scope else []))


class Interfaces:
    """`host.interface`: makes an Interface, and knows all."""

    def __init__(self, asker: Asker) -> None:
        self._asker = asker

    def __call__(self, name: str, family: str | None = None) -> Interface:
        """The interface of a name."""
        return Interface(self._asker, name, family)

    def names(self) -> list[str]:
        """Names of all interfaces."""
        return list(self._asker.ask("interfaces", links.names))

    def default(self, family: str | None = None) -> Interface | None:
        """The interface of the default route (IPv4 unless inet6 is asked for), None if there is none."""
        name = str(self._asker.ask(f"default route {family or 'inet'}", links.default, family or "inet"))
        return Interface(self._asker, name, family) if name else None
