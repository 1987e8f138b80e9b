"""The database's container image: Debian's packages unpacked, and packed again as `docker load` takes them.

It stands in for the official image, which a lab cannot reach, and has that one's habits: busybox as shell and tools,
programs in /usr/local/bin, a locale that libc may lack, a volume for the data, and an entrypoint that sets up a server
of its own. The entrypoint fails here, because nothing may need it.
"""

import hashlib
import io
import json
import tarfile
from datetime import UTC, datetime
from pathlib import Path

from lab import inventory, tools

EPOCH = 1754697600  # no file in the image is younger, so two builds from the same packages are byte-equal
OPTIONS = (
    "--mode=auto",
    "--variant=extract",
    "--skip=output/dev",
    '--aptopt=Acquire::Retries "3"',
)
COMPRESSION = "-6"
CONFIG = {
    "Env": [
        "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "LANG=en_US.utf8",
        "PG_MAJOR=17",
        "PGDATA=/var/lib/postgresql/data",
    ],
    "Entrypoint": ["docker-entrypoint.sh"],
    "Cmd": ["postgres"],
    "ExposedPorts": {"5432/tcp": {}},
    "Volumes": {"/var/lib/postgresql/data": {}},
    "WorkingDir": "/",
    "StopSignal": "SIGINT",
}


def name() -> str:
    """Name of the image, from the lab's inventory."""
    return inventory.variables()["postgres_image"]


def archive() -> str:
    """Path of the archive in the mail image; the file with `.id` added contains the image's id."""
    return inventory.variables()["postgres_image_archive"]


def pack(layer: Path, image: str, to: Path) -> str:
    """Make an archive for `docker load` of one layer.

    Args:
        layer: tar of the root file system.
        image: its name, with a tag.
        to: the archive, not compressed.

    Returns:
        The id that the engine gives the image.
    """
    with layer.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    created = datetime.fromtimestamp(EPOCH, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    config = {
        "architecture": "amd64",
        "os": "linux",
        "created": created,
        "config": CONFIG,
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest}"]},
        "history": [{"created": created, "comment": "from Debian's packages"}],
    }
    written = json.dumps(config, sort_keys=True).encode()
    number = hashlib.sha256(written).hexdigest()
    manifest = [{"Config": f"{number}.json", "RepoTags": [image], "Layers": ["layer.tar"]}]
    with tarfile.open(to, "w") as archive:
        _add(archive, "manifest.json", json.dumps(manifest, sort_keys=True).encode())
        _add(archive, f"{number}.json", written)
        with layer.open("rb") as file:
            archive.addfile(_entry("layer.tar", layer.stat().st_size), file)
    return f"sha256:{number}"


def compress(plain: Path, to: Path) -> None:
    """Replace an archive by a smaller one."""
    tools.run(["zstd", "--quiet", "--rm", COMPRESSION, plain, "-o", to], "Compressing the database's container image")


def _entry(name: str, size: int) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mtime, entry.mode = size, EPOCH, 0o644
    return entry


def _add(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    archive.addfile(_entry(name, len(content)), io.BytesIO(content))
