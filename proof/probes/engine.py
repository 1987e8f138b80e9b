"""The container engine, asked over its own socket; runs on the host."""

import http.client
import io
import json
import socket
import tarfile
from typing import Any, TypedDict

SOCKET = "/run/docker.sock"
TIMEOUT = 60.0  # seconds for one answer


class Answer(TypedDict):
    """What the engine answered: HTTP status, and the body as text."""

    status: int
    body: str


class Inventory(TypedDict):
    """What the engine keeps, by id; sorted, so that two looks can be compared."""

    containers: list[str]
    images: list[str]
    networks: list[str]
    volumes: list[str]


class Trial(TypedDict):
    """A container from start to end: `ended` is the exit status of its process, -1 where it never ended."""

    steps: list[str]
    ended: int
    before: Inventory
    after: Inventory


class _Connection(http.client.HTTPConnection):
    def __init__(self) -> None:
        super().__init__("engine", timeout=TIMEOUT)

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(TIMEOUT)
        self.sock.connect(SOCKET)


def ask(method: str, path: str, body: bytes = b"", content: str = "application/json") -> Answer:
    """One request to the engine."""
    connection = _Connection()
    try:
        connection.request(method, path, body=body or None, headers={"Content-Type": content} if body else {})
        response = connection.getresponse()
        return Answer(status=response.status, body=response.read().decode(errors="replace"))
    finally:
        connection.close()


def _listed(path: str, key: str, inside: str = "") -> list[str]:
    answer = json.loads(ask("GET", path)["body"])
    return sorted(entry[key] for entry in ((answer[inside] or []) if inside else answer))


def inventory() -> Inventory:
    """Everything that the engine keeps."""
    return Inventory(
        containers=_listed("/containers/json?all=1", "Id"),
        images=_listed("/images/json?all=1", "Id"),
        networks=_listed("/networks", "Id"),
        volumes=_listed("/volumes", "Name", "Volumes"),
    )


def borrowed_root() -> bytes:
    """A root file system of folders and links only, as a tar: the host's /usr is mounted into it."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for folder in ("dev", "etc", "proc", "sys", "tmp", "usr"):
            entry = tarfile.TarInfo(folder)
            entry.type, entry.mode = tarfile.DIRTYPE, 0o755
            archive.addfile(entry)
        for link in ("bin", "lib", "lib64", "sbin"):
            entry = tarfile.TarInfo(link)
            entry.type, entry.linkname = tarfile.SYMTYPE, f"usr/{link}"
            archive.addfile(entry)
    return buffer.getvalue()


def bring_image(name: str) -> Answer:
    """Make an image of the borrowed root file system, without any registry."""
    return ask("POST", f"/images/create?fromSrc=-&repo={name}", borrowed_root(), "application/x-tar")


def _run_once(name: str, script: str, steps: list[str]) -> int:
    def step(what: str, method: str, path: str, settings: dict[str, Any] | None = None) -> Answer:
        answer = ask(method, path, json.dumps(settings).encode() if settings else b"")
        steps.append(f"{what}: {answer['status']} {answer['body'].strip()[:300]}")
        return answer

    image = bring_image(name)
    steps.append(f"image: {image['status']} {image['body'].strip()[:300]}")
    settings = {
        "Image": name,
        "Cmd": ["/bin/sh", "-c", script],
        "HostConfig": {"NetworkMode": "none", "Binds": ["/usr:/usr:ro"]},
    }
    created = step("create", "POST", f"/containers/create?name={name}", settings)
    if created["status"] != http.client.CREATED:
        return -1
    started = step("start", "POST", f"/containers/{name}/start")
    if started["status"] != http.client.NO_CONTENT:
        return -1
    return int(json.loads(step("wait", "POST", f"/containers/{name}/wait")["body"])["StatusCode"])


def try_container(name: str, script: str) -> Trial:
    """Start a container without network that runs a shell script, wait for its end, and take it all away."""
    steps: list[str] = []
    before = inventory()
    try:
        ended = _run_once(name, script, steps)
    finally:
        try:
            ask("DELETE", f"/containers/{name}?force=1&v=1")
        finally:
            ask("DELETE", f"/images/{name}?force=1")
    return Trial(steps=steps, ended=ended, before=before, after=inventory())


def address_of(name: str) -> str:
    """IPv4 address of a running container on the engine's own network."""
    networks = json.loads(ask("GET", f"/containers/{name}/json")["body"])["NetworkSettings"]["Networks"]
    return str(next(iter(networks.values()))["IPAddress"])


def greets(address: str, port: int) -> bool:
    """Whether a web server answers at an address, seen from this host."""
    connection = http.client.HTTPConnection(address, port, timeout=5)
    try:
        connection.request("GET", "/")
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
