"""The container engine: its settings, containers, images, volumes and networks, without the engine's own numbers."""

import json
from collections.abc import Iterator, Mapping

from proof.probes.snapshot.common import Content, Section, words

SETTINGS = (
    "CgroupDriver", "CgroupVersion", "DefaultRuntime", "Driver", "LiveRestoreEnabled", "LoggingDriver", "OSType",
    "Plugins", "RegistryConfig", "SecurityOptions",
)  # fmt: skip
OF_CONTAINER = ("Args", "AppArmorProfile", "Config", "HostConfig", "Mounts", "Path", "RestartCount")
OF_NETWORK = ("Driver", "EnableIPv4", "EnableIPv6", "Internal", "Attachable", "Ingress", "Options", "Scope")
CHANGES = {"A": "added", "C": "changed", "D": "deleted"}  # in a container, beside its image
OWN = {"Hostname", "Labels"}  # of a container: its number, and compose's digests


def flat(prefix: str, value: object) -> "Iterator[tuple[str, str]]":
    """The leaves of a structure with their paths; the engine keeps no order in its lists."""
    if isinstance(value, Mapping) and value:
        for name, part in value.items():
            yield from flat(f"{prefix} {name}", part)
    elif isinstance(value, list) and value:
        yield prefix, json.dumps(sorted(value, key=lambda part: json.dumps(part, sort_keys=True)))
    else:
        yield prefix, json.dumps(None if value in ({}, []) else value)


def take(content: Content) -> Section:
    """The engine."""
    found: dict[str, str] = dict(_settings())
    names = words("docker", "ps", "--all", "--quiet", "--no-trunc").split()
    for each in json.loads(words("docker", "inspect", *names)) if names else []:
        name = f"container {each['Name'].lstrip('/')}"
        facts = {field: each.get(field) for field in OF_CONTAINER}
        facts["Config"] = {field: value for field, value in each["Config"].items() if field not in OWN}
        facts["image"] = each["Config"]["Image"]
        facts["networks"] = sorted(each["NetworkSettings"]["Networks"])
        facts["state"] = each["State"]["Status"]
        facts["health"] = each["State"].get("Health", {}).get("Status", "none")
        facts["started"] = each["State"]["StartedAt"]
        for field, value in facts.items():
            found |= dict(flat(f"{name} {field}", value))
        for line in words("docker", "diff", each["Id"]).splitlines():
            found[f"{name} file {line[2:]}"] = CHANGES.get(line[:1], line[:1])
    for line in words("docker", "image", "ls", "--format", "{{.Repository}}:{{.Tag}}").splitlines():
        found[f"image {line}"] = "there"
    for line in words("docker", "volume", "ls", "--format", "{{.Name}} {{.Driver}}").splitlines():
        found[f"volume {line}"] = "there"
    networks = words("docker", "network", "ls", "--quiet").split()
    for each in json.loads(words("docker", "network", "inspect", *networks)):
        found |= dict(flat(f"network {each['Name']}", {field: each.get(field) for field in OF_NETWORK}))
    return {content.named(name): content.shown(content.named(value)) for name, value in found.items()}


def _settings() -> "Iterator[tuple[str, str]]":
    info = json.loads(words("docker", "info", "--format", "{{json .}}"))
    yield from flat("engine", {name: info.get(name) for name in SETTINGS})
    yield "engine swarm", json.dumps(info.get("Swarm", {}).get("LocalNodeState"))
