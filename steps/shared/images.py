"""The image that the database server runs, and a registry of the host's own to take others from."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_bdd import given, parsers, then, when
from testinfra.backend.base import CommandResult
from testinfra.host import Host

from lab.provisioning import Play
from proof.evidence.recorder import Recorder
from proof.hosts.target import Target

if TYPE_CHECKING:
    from docker import DockerClient

TAG = "127.0.0.1:5000/postgres:17-alpine"
UNKNOWN = f"{TAG}@sha256:{'0' * 64}"
SECONDS = 600
# The registry of Debian's package, unpacked beside the system, on loopback only.
REGISTRY = r"""
set -eu
mkdir -p /var/tmp/proof-registry
dpkg-deb --extract /srv/archive/pool/docker-registry_*.deb /var/tmp/proof-registry
cat >/var/tmp/proof-registry/config.yml <<'SETTINGS'
version: 0.1
storage: {filesystem: {rootdirectory: /var/tmp/proof-registry/data}}
http: {addr: "127.0.0.1:5000"}
SETTINGS
systemd-run --quiet --unit=proof-registry --service-type=exec \
    /var/tmp/proof-registry/usr/bin/docker-registry serve /var/tmp/proof-registry/config.yml
deadline=$(($(date +%s) + 30))
until curl --silent --fail --output /dev/null http://127.0.0.1:5000/v2/; do
    [ "$(date +%s)" -lt "$deadline" ] || { systemctl status proof-registry >&2; exit 1; }
done
"""
# $1 image to begin with, $2 tag to push under, $3 program to take for postgres; empty: its own. Prints the digest.
PUSH = r"""
set -eu
docker create --name proof-image "$1" >/dev/null
if [ -n "$3" ]; then
    printf '#!/bin/sh\n%s\n' "$3" >/var/tmp/proof-postgres
    chmod 0755 /var/tmp/proof-postgres
    docker cp --quiet /var/tmp/proof-postgres proof-image:/usr/local/bin/postgres
fi
docker commit --change "LABEL proof=$(cat /proc/sys/kernel/random/uuid)" proof-image "$2" >/dev/null
docker rm --volumes proof-image >/dev/null
docker push --quiet "$2" >/dev/null
docker image inspect --format '{{index .RepoDigests 0}}' "$2"
docker image rm "$2" >/dev/null
"""
# What the image has for PostgreSQL's server.
PROGRAMS = {
    "crashes": 'case "$*" in --version) echo "postgres (PostgreSQL) 17.99" ;; *) echo "no such symbol"; exit 3 ;; esac',
    "is of the next major version": 'echo "postgres (PostgreSQL) 18.1"',
}
# All but 900 MiB: less than an image needs, and enough for the database.
FILL = "free=$(df --output=avail --block-size=M / | tail -n 1); fallocate -l $((${free%M} - 900))M /var/tmp/proof-full"


@dataclass(frozen=True)
class Raised:
    """A replacement of the image that was tried: the image, the one before, and what the host's script said."""

    wanted: str
    before: str
    result: CommandResult


@dataclass(frozen=True)
class Registry:
    """Two images of the same tag, by digest; the newer one is what the tag means."""

    pinned: str
    newest: str
    inventory: Path
    backups: int


def description(engine: "DockerClient", target: Target) -> dict[str, Any]:
    """Of the container, as the engine has it."""
    found: dict[str, Any] = engine.containers.get(target.text("postgres_container")).attrs
    return found


def use(mail: Host, target: Target, image: str) -> CommandResult:
    """Have the server run an image."""
    return mail.run("%s %s", f"{target.text('postgres_home')}/scripts/use_image.sh", image, timeout=SECONDS)


def push(mail: Host, image: str, program: str = "") -> str:
    """Put an image like another one into the registry; returns its pinned name."""
    done = mail.run("bash -c %s bash %s %s %s", PUSH, image, TAG, program, timeout=SECONDS)
    assert done.rc == 0, f"no image could be pushed to the registry on mail: {done}"
    return f"{TAG}@{done.stdout.strip().partition('@')[2]}"


def backups(mail: Host, target: Target) -> int:
    """How many backups there are."""
    return len(mail.check_output("ls %s", target.text("postgres_backups")).split())


@then("its image is the pinned one, by name and by content")
def is_pinned(inspected: dict[str, Any], engine: "DockerClient", mail: Host, target: Target) -> None:
    """The content is told by the digest of the inventory, or by the id beside the archive."""
    wanted, archive = target.text("postgres_image"), target.text("postgres_image_archive")
    name = inspected["Config"]["Image"]
    assert name == wanted, f"the container on mail runs {name}, and the inventory pins {wanted}"
    image = engine.images.get(inspected["Image"]).attrs
    if archive:
        id_wanted = mail.check_output("cat %s", f"{archive}.id")
        assert image["Id"] == id_wanted, f"{name} on mail is {image['Id']}, and the archive holds {id_wanted}"
        return
    assert "@sha256:" in wanted, f"the inventory pins no digest: {wanted}"
    digests = [each.partition("@")[2] for each in image["RepoDigests"]]
    assert wanted.partition("@")[2] in digests, f"{name} on mail has the digests {digests}"


@then("its image was made within the agreed number of days")
def is_young(inspected: dict[str, Any], engine: "DockerClient", target: Target, evidence: Recorder) -> None:
    """The image tells when it was made."""
    age = datetime.now(UTC) - datetime.fromisoformat(engine.images.get(inspected["Image"]).attrs["Created"])
    evidence.measure("database_image_age_seconds", age.total_seconds())
    allowed = target.number("postgres_image_days")
    assert age.days <= allowed, (
        f"the image of the database on mail was made {age.days} days ago, and lacks fixes since; agreed are {allowed}. "
        "The playbook raise_postgres_image.yml takes the newest one"
    )


@given("a registry on the host")
def registry_on_host(mail: Host) -> None:
    """On loopback, where the engine asks for no certificate."""
    mail.run_expect([0], "bash -c %s", REGISTRY, timeout=120)


@given("the server runs an image of its, and the tag means a newer one", target_fixture="registry")
def two_images(mail: Host, target: Target, tmp_path: Path, evidence: Recorder) -> Registry:
    """The inventory of this scenario pins the one that runs."""
    pinned = push(mail, target.text("postgres_image"))
    started = use(mail, target, pinned)
    assert started.rc == 0, f"the database on mail cannot run an image of the registry: {started}"
    newest = push(mail, pinned)
    assert newest != pinned, f"both images have the digest of {newest}"
    inventory = tmp_path / "inventory.yml"
    inventory.write_text(f"all:\n  hosts:\n    mail:\n      postgres_image: {pinned}\n", encoding="utf-8")
    evidence.note(f"the inventory pins {pinned}; the newest is {newest}")
    return Registry(pinned, newest, inventory, backups(mail, target))


@when("the operator raises the image", target_fixture="played")
def operator_raises(play: Callable[..., Play], registry: Registry) -> Play:
    """By the playbook, from what the inventory pins."""
    pinned = re.findall(r"postgres_image: (\S+)", registry.inventory.read_text(encoding="utf-8"))[0]
    variables = {"postgres_image": pinned, "postgres_image_archive": "", "postgres_image_pin": str(registry.inventory)}
    return play("raise_postgres_image.yml", extra=variables)


@then("the newest image is in use, and the inventory pins it")
def newest_is_used(engine: "DockerClient", target: Target, registry: Registry) -> None:
    """And nothing else in the inventory has changed."""
    used = description(engine, target)["Config"]["Image"]
    assert used == registry.newest, f"the container on mail runs {used}, and the newest image is {registry.newest}"
    written = registry.inventory.read_text(encoding="utf-8")
    wanted = f"all:\n  hosts:\n    mail:\n      postgres_image: {registry.newest}\n"
    assert written == wanted, f"the inventory is now: {written}"


@then("a backup was made before")
def backup_was_made(mail: Host, target: Target, registry: Registry) -> None:
    """One, and no other is gone."""
    now = backups(mail, target)
    assert now == registry.backups + 1, f"there were {registry.backups} backups on mail, and now there are {now}"


def with_program(fault: str) -> Callable[[Host, Target], str]:
    """A registry whose image has this fault."""

    def prepare(mail: Host, target: Target) -> str:
        registry_on_host(mail)
        return push(mail, target.text("postgres_image"), PROGRAMS[fault])

    return prepare


def without_digest(mail: Host, target: Target) -> str:  # noqa: ARG001
    """A registry that has no image at all."""
    registry_on_host(mail)
    return UNKNOWN


def full_disk(mail: Host, target: Target) -> str:  # noqa: ARG001
    """No registry is needed: none is asked."""
    mail.run_expect([0], FILL)
    return UNKNOWN


UNUSABLE: Mapping[str, Callable[[Host, Target], str]] = {
    "the registry is away": lambda _mail, _target: UNKNOWN,
    "the registry has no image of that digest": without_digest,
    "the disk is full": full_disk,
    "the image is of the next major version": with_program("is of the next major version"),
    "the server of the image crashes": with_program("crashes"),
}


@when(parsers.re(f"the operator replaces the image although (?P<fault>{'|'.join(UNUSABLE)})"), target_fixture="raised")
def replace_wrongly(mail: Host, engine: "DockerClient", target: Target, fault: str) -> Raised:
    """By the script on the host, with an image that cannot be used."""
    wanted = UNUSABLE[fault](mail, target)
    return Raised(wanted, description(engine, target)["Image"], use(mail, target, wanted))


@then(parsers.parse('the script fails and says "{reason}"'))
def fails_with_reason(raised: Raised, reason: str) -> None:
    """On standard error."""
    assert raised.result.rc == 1, f"on mail, {raised.wanted} was used in spite of all: {raised.result}"
    assert reason in raised.result.stderr, f"on mail, the script does not say why: {raised.result}"


@then("the server runs the image from before, and nothing of the other one is left")
def runs_as_before(raised: Raised, mail: Host, engine: "DockerClient", target: Target) -> None:
    """Healthy, and the files say so too."""
    now = description(engine, target)
    assert now["Image"] == raised.before, f"the container on mail runs {now['Image']}, and before {raised.before}"
    assert now["State"]["Health"]["Status"] == "healthy", f"the container on mail: {now['State']}"
    others = [image.attrs["RepoDigests"] for image in engine.images.list() if image.id != raised.before]
    assert not others, f"on mail, other images are left: {others}"
    noted = mail.check_output("cat %s", f"{target.text('postgres_home')}/docker-compose.override.yml")
    assert f"image: {now['Config']['Image']}" in noted, f"on mail, another image is noted: {noted}"
    tried = mail.run("test -e %s", f"{target.text('postgres_home')}/.image_before")
    assert tried.rc == 1, "on mail, the image is still noted as being tried"
