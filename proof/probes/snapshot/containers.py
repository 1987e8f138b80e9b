"""The container engine: its settings, containers, images, volumes and networks, without the engine's own numbers."""

import json
import re
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from proof.probes import engine
from proof.probes.snapshot.common import SETTLED_SECONDS, Content, Section

SETTINGS = (
    "CgroupDriver", "CgroupVersion", "DefaultRuntime", "Driver", "LiveRestoreEnabled", "LoggingDriver", "OSType",
    "Plugins", "RegistryConfig", "SecurityOptions",
)  # fmt: skip
OF_CONTAINER = ("Args", "AppArmorProfile", "Config", "HostConfig", "Mounts", "Path", "RestartCount")
OF_NETWORK = ("Driver", "EnableIPv4", "EnableIPv6", "Internal", "Attachable", "Ingress", "Options", "Scope")
OF_GROUP = ("memory.high", "memory.low", "memory.max", "memory.swap.max", "cpu.max", "cpu.weight", "pids.max")
OK = 200
CHANGES = {0: "changed", 1: "added", 2: "deleted"}  # in a container, beside its image
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


def asked(path: str) -> Any:  # noqa: ANN401 - JSON
    """What the engine answers. Raises OSError with its own words."""
    answer = engine.ask("GET", path)
    if answer["status"] != OK:
        raise OSError(f"the container engine answers {path} with {answer['status']}: {answer['body'].strip()}")
    return json.loads(answer["body"])


def limits(each: "Mapping[str, Any]") -> "Iterator[tuple[str, str]]":
    """What the kernel itself has for a running container, whoever set it."""
    pid = each["State"].get("Pid") or 0
    try:
        group = Path(f"/proc/{pid}/cgroup").read_text().strip().rpartition("::")[2]
        for name in OF_GROUP:
            yield f"kernel's {name}", (Path("/sys/fs/cgroup", group.lstrip("/")) / name).read_text().strip()
        yield "kernel's oom_score_adj", Path(f"/proc/{pid}/oom_score_adj").read_text().strip()
    except OSError:
        return  # it does not run


def settled(number: str) -> Any:  # noqa: ANN401 - JSON
    """A container, once its health is known; as it is, if that takes long."""
    deadline = time.monotonic() + SETTLED_SECONDS
    while True:
        each = asked(f"/containers/{number}/json")
        if each["State"].get("Health", {}).get("Status") != "starting" or time.monotonic() > deadline:
            return each
        time.sleep(0.2)


def take(content: Content) -> Section:
    """The engine."""
    info = asked("/info")
    found = dict(flat("engine", {name: info.get(name) for name in SETTINGS}))
    found["engine swarm"] = json.dumps(info.get("Swarm", {}).get("LocalNodeState"))
    images = asked("/images/json")
    called_so = {name: image["Id"] for image in images for name in (*names(image), *names(image, "RepoDigests"))}
    used = {}
    for listed in asked("/containers/json?all=1"):
        each = settled(listed["Id"])
        called, image = f"container {listed['Names'][0].lstrip('/')}", each["Config"]["Image"]
        found |= of_container(each, settings_of_image(each["Image"]))
        found |= {f"{called} {name}": value for name, value in limits(each)}
        if called_so.get(without_tag(image), each["Image"]) != each["Image"]:
            found[f"{called} made from"] = f"an image that is not called {image} any more"
        used[each["Image"]] = image
        for change in asked(f"/containers/{listed['Id']}/changes") or []:
            kind = CHANGES.get(change["Kind"], str(change["Kind"]))
            found[f"{called} file {change['Path']}"] = kind
    for image in images:
        # One that was pulled by its digest has no tag; its name is the one that it is used under.
        shown = names(image) or [used.get(image["Id"], "<none>:<none>")]
        found |= {f"image {name}": "there" for name in shown}
    for volume in asked("/volumes")["Volumes"] or []:
        found[f"volume {volume['Name']} {volume['Driver']}"] = "there"
    for network in asked("/networks"):
        found |= dict(flat(f"network {network['Name']}", {field: network.get(field) for field in OF_NETWORK}))
    return {content.named(name): content.shown(content.named(value)) for name, value in found.items()}


def names(image: Mapping[str, Any], kind: str = "RepoTags") -> list[str]:
    """What an image is called: by tags, or by digests if it was pulled from a registry."""
    return [name for name in image.get(kind) or [] if "<none>" not in name]


def without_tag(image: str) -> str:
    """A name as the engine lists it: of one that has both a tag and a digest, it keeps the digest."""
    name, at, digest = image.partition("@")
    return f"{re.sub(r':[^:/]+$', '', name)}{at}{digest}" if at else image


def settings_of_image(number: str) -> Mapping[str, Any]:
    """What an image sets for its containers; nothing if it is gone."""
    answer = engine.ask("GET", f"/images/{number}/json")
    settings: Mapping[str, Any] = json.loads(answer["body"])["Config"] if answer["status"] == OK else {}
    return settings


def of_container(each: Mapping[str, Any], image: Mapping[str, Any]) -> Section:
    """A container's settings and state, without the engine's own numbers and without what its image sets."""
    facts = {field: each.get(field) for field in OF_CONTAINER}
    config = {field: value for field, value in each["Config"].items() if field not in OWN}
    config["Env"] = sorted({*(config.get("Env") or [])} - {*(image.get("Env") or [])})
    facts["Config"] = {field: value for field, value in config.items() if value != image.get(field)}
    facts["image"] = each["Config"]["Image"]
    facts["networks"] = sorted(each["NetworkSettings"]["Networks"])
    facts["state"] = each["State"]["Status"]
    facts["health"] = each["State"].get("Health", {}).get("Status", "none")
    facts["started"] = each["State"]["StartedAt"]
    return dict(flat(f"container {each['Name'].lstrip('/')}", facts))
