"""The diagram of the lab: places, their addresses, and who may reach what, from the inventory."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Place:
    """Someone in the drawing; `net` is vpn or internet, `reaches` tells in words what is open to it."""

    name: str
    net: str
    addresses: tuple[str, ...]
    reaches: str


@dataclass(frozen=True)
class Drawing:
    """The host in the middle, and those around it."""

    host: Place
    hub: Place
    places: tuple[Place, ...]
    services: tuple[str, ...]

    @property
    def words(self) -> str:
        """The same in a sentence, for whoever cannot see it."""
        said = "; ".join(f"{one.name} ({', '.join(one.addresses)}): {one.reaches}" for one in (*self.places, self.hub))
        return f"{self.host.name} is {', '.join(self.host.addresses)}, and serves {', '.join(self.services)}. {said}."


def of(values: Mapping[str, object]) -> Drawing:
    """The drawing of a lab with these variables."""

    def text(name: str) -> str:
        return str(values.get(name, "?"))

    ssh, database = f"SSH {text('ssh_port')}", f"PostgreSQL {text('postgres_port')}"
    return Drawing(
        host=Place("mail", "both", (text("vpn_address"), text("public_address"), text("public_address6")), ""),
        hub=Place("hub", "both", (text("hub_vpn_address"), text("hub_address")), f"{database}, as Postfix and Dovecot"),
        places=(
            Place("admin", "vpn", (text("lab_admin_address"),), f"{ssh} with a key, and from there everything"),
            Place("intruder", "vpn", (text("lab_intruder_address"),), f"{ssh} and {database}: refused without a key"),
            Place(
                "outsider",
                "internet",
                (text("lab_outsider_address"), text("lab_outsider_address6")),
                "nothing: no port answers",
            ),
        ),
        services=(ssh, database),
    )
