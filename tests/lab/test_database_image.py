import hashlib
import io
import json
import tarfile
from pathlib import Path
from typing import Any

import pytest

from lab import database_image


@pytest.fixture
def layer(tmp_path: Path) -> Path:
    """A root file system of one empty file."""
    made = tmp_path / "layer"
    with tarfile.open(made, "w") as archive:
        archive.addfile(tarfile.TarInfo("./etc/passwd"), io.BytesIO())
    return made


def content(archive: Path) -> dict[str, bytes]:
    with tarfile.open(archive) as opened:
        return {entry.name: (opened.extractfile(entry) or io.BytesIO()).read() for entry in opened}


def test_the_archive_names_one_image_with_one_layer(layer: Path, tmp_path: Path) -> None:
    number = database_image.pack(layer, "lab/postgres:17", tmp_path / "image").removeprefix("sha256:")
    files = content(tmp_path / "image")
    manifest: list[dict[str, Any]] = json.loads(files["manifest.json"])
    assert manifest == [{"Config": f"{number}.json", "RepoTags": ["lab/postgres:17"], "Layers": ["layer.tar"]}]
    assert files["layer.tar"] == layer.read_bytes()


def test_the_engine_will_find_that_all_hashes_are_true(layer: Path, tmp_path: Path) -> None:
    number = database_image.pack(layer, "lab/postgres:17", tmp_path / "image").removeprefix("sha256:")
    config = content(tmp_path / "image")[f"{number}.json"]
    assert hashlib.sha256(config).hexdigest() == number
    layers = json.loads(config)["rootfs"]["diff_ids"]
    assert layers == [f"sha256:{hashlib.sha256(layer.read_bytes()).hexdigest()}"]


def test_the_same_layer_is_the_same_archive(layer: Path, tmp_path: Path) -> None:
    for name in ("one", "two"):
        database_image.pack(layer, "lab/postgres:17", tmp_path / name)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_the_inventory_names_image_and_archive() -> None:
    assert database_image.name().count(":") == 1
    assert database_image.archive().endswith(".tar.zst")
