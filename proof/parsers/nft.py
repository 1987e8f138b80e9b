"""The kernel's packet filter as `nft --json` prints it: the policies of base chains, and the members of a set."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Chain:
    """A base chain: `family` is ip, ip6 or inet; `policy` is the fate of a packet that no rule decided."""

    family: str
    table: str
    name: str
    hook: str
    policy: str

    def __str__(self) -> str:
        return f"{self.family} {self.table} {self.name} (hook {self.hook}): policy {self.policy}"


def chains(text: str) -> tuple[Chain, ...]:
    """Every base chain in the output of `nft --json list chains`."""
    return tuple(
        Chain(
            str(entry["family"]),
            str(entry["table"]),
            str(entry["name"]),
            str(entry["hook"]),
            str(entry.get("policy", "accept")),
        )
        for entry in _objects(text, "chain")
        if "hook" in entry
    )


def denies_by_default(found: tuple[Chain, ...], family: str) -> bool:
    """Whether a packet to this host that no rule admits is dropped; `family` is ip or ip6."""
    return any(c.hook == "input" and c.policy == "drop" and c.family in (family, "inet") for c in found)


def redirections(text: str, port: int) -> tuple[str, ...]:
    """Rules in the output of `nft --json list ruleset` that send packets for another port to this one."""
    return tuple(
        f"{entry['family']} {entry['table']} {entry['chain']}: {json.dumps(verdict)}"
        for entry in _objects(text, "rule")
        for verdict in _verdicts(entry)
        if f'"port": {port}' in json.dumps(verdict)
    )


def _verdicts(entry: Mapping[str, object]) -> Iterator[object]:
    expressions = entry.get("expr", ())
    for one in expressions if isinstance(expressions, list) else ():
        if isinstance(one, Mapping) and {"redirect", "dnat"} & one.keys():
            yield one


def members(text: str) -> tuple[str, ...]:
    """Addresses in all sets of the output of `nft --json list ...`, ranges as `network/length`."""
    return tuple(_address(element) for entry in _objects(text, "set") for element in _elements(entry))


def _objects(text: str, kind: str) -> Iterator[Mapping[str, object]]:
    for item in json.loads(text)["nftables"]:
        if kind in item:
            yield item[kind]


def _elements(entry: Mapping[str, object]) -> Iterator[object]:
    elements = entry.get("elem", ())
    if isinstance(elements, list):
        yield from elements


def _address(element: object) -> str:
    """An element is an address, or an object that holds one beside its timeout, or a prefix."""
    if isinstance(element, Mapping):
        inner = element.get("elem", element)
        if isinstance(inner, Mapping) and "val" in inner:
            return _address(inner["val"])
        if isinstance(inner, Mapping) and isinstance(inner.get("prefix"), Mapping):
            prefix = inner["prefix"]
            return f"{prefix['addr']}/{prefix['len']}"
        return str(inner)
    return str(element)
