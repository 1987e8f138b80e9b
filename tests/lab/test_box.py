import json
import tarfile
from pathlib import Path

import pytest

from lab import box, box_builder, database_image, package_lock, tools
from lab.errors import LabError, UsageError


@pytest.fixture
def recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small recipe, a list of packages and an empty cache."""
    folder = tmp_path / "recipe"
    (folder / "hub" / "etc").mkdir(parents=True)
    (folder / "mail.sh").write_text("echo\n")
    (folder / "packages.yml").write_text("common: [a]\nmail: [b]\nhub: [c]\npostgres: [d]\narchive: [e]\n")
    (folder / "hub" / "etc" / "unit").write_text("[Unit]\n")
    packages = tmp_path / "packages.yml"
    packages.write_text("packages:\n  docker: [docker.io]\n  ban: [fail2ban]\n")
    monkeypatch.setattr(box, "RECIPE", folder)
    monkeypatch.setattr(box, "PACKAGES", packages)
    monkeypatch.setattr(package_lock, "OF_CHECKOUT", tmp_path / "box.lock.json")
    monkeypatch.setenv("MAIL_LAB_CACHE", str(tmp_path / "cache"))
    return folder


def lock(path: Path, version: str = "1") -> Path:
    path.write_text(json.dumps({"packages": {"mail": {"b": version}, "hub": {"c:amd64": "2"}, "archive": {"d": "3"}}}))
    return path


def built() -> Path:
    """A whole box of the recipe."""
    folder = box.home() / box.key()
    folder.mkdir(parents=True)
    sizes = {}
    for part in box.PARTS[:-1]:
        (folder / part).write_text(part)
        sizes[part] = len(part)
    (folder / "box.json").write_text(json.dumps({"sizes": sizes}))
    return folder


def test_the_key_moves_with_all_that_a_box_is_made_from(recipe: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = [box.key()]
    assert box.key() == seen[0]

    def moved() -> None:
        assert box.key() not in seen
        seen.append(box.key())

    (recipe / "mail.sh").write_text("exit\n")
    moved()
    (recipe / "mail.sh").chmod(0o755)
    moved()
    (recipe / "hub" / "etc" / "unit").rename(recipe / "hub" / "etc" / "other")
    moved()
    box.PACKAGES.write_text("packages:\n  docker: [docker.io, docker-compose]\n")
    moved()
    monkeypatch.setattr(box, "DISK_GIB", {"mail": 10, "hub": 1})
    moved()
    monkeypatch.setattr(database_image, "name", lambda: "another:18")
    moved()
    package_lock.OF_CHECKOUT.write_text("{}")
    moved()


def test_the_key_does_not_move_with_the_order_of_names(recipe: Path) -> None:
    before = box.key()
    box.PACKAGES.write_text("packages:\n  all: [fail2ban, docker.io]\n")
    assert box.key() == before
    assert recipe.is_dir()


def test_a_lock_has_a_box_of_its_own(recipe: Path) -> None:
    first, second = lock(recipe.parent / "one.json"), lock(recipe.parent / "two.json", "9")
    assert len({box.key(), box.key(first), box.key(second)}) == 3
    with pytest.raises(UsageError, match="cannot be read"):
        box.key(recipe / "nowhere.json")


@pytest.mark.usefixtures("recipe")
def test_a_box_that_is_not_built_is_none() -> None:
    assert box.find() is None
    folder = built()
    assert box.find() == box.Box(box.key(), folder)


@pytest.mark.usefixtures("recipe")
@pytest.mark.parametrize("part", box.PARTS)
@pytest.mark.parametrize("damage", ["gone", "cut"])
def test_a_damaged_box_is_named_with_its_cure(part: str, damage: str) -> None:
    folder = built()
    file = folder / part
    file.unlink() if damage == "gone" else file.write_text(file.read_text()[:-1])
    with pytest.raises(LabError, match=f"is damaged: {part}") as raised:
        box.find()
    assert raised.value.hint.startswith(f"rm -r {folder}")


@pytest.mark.usefixtures("recipe")
def test_two_builds_of_a_recipe_are_not_the_same_blocks() -> None:
    folder = built()
    before = box.identity(box.key())
    (folder / "box.json").write_text("{}")
    assert before is not None
    assert box.identity(box.key()) not in (before, None)
    assert box.identity("other") is None


@pytest.mark.usefixtures("recipe")
def test_prune_leaves_boxes_in_use_and_builds_that_run() -> None:
    folder = built()
    for name in ("old", ".building-x"):
        (box.home() / name).mkdir()
    assert box.prune({folder.name}, 60.0) == []
    assert box.prune({folder.name}, 0.0) == ["old"]
    assert {path.name for path in box.home().iterdir()} == {folder.name, ".building-x"}


def test_a_lock_pins_images_and_archive(recipe: Path) -> None:
    path = lock(recipe.parent / "lock.json")
    assert package_lock.preferences(path, "hub") == "Package: c:amd64\nPin: version 2\nPin-Priority: 1001\n"
    assert [line for line in package_lock.preferences(path, "mail").splitlines() if line.startswith("Package")] == [
        "Package: d",
        "Package: b",
    ]


def test_a_lock_of_a_box_without_container_binds_none(recipe: Path) -> None:
    assert package_lock.preferences(lock(recipe.parent / "lock.json"), package_lock.CONTAINER) == ""


def test_versions_that_the_mirror_lacks_are_named(recipe: Path) -> None:
    path = lock(recipe.parent / "lock.json")
    package_lock.compare(path, {"mail": {"b": "1", "new": "7"}, "hub": {}, "archive": {"d": "3"}})
    with pytest.raises(LabError, match=r"lacks 1 versions of .*: b 2 instead of 1"):
        package_lock.compare(path, {"mail": {"b": "2"}, "hub": {}, "archive": {"d": "3"}})


@pytest.mark.parametrize("text", ["", "[]", '{"sizes": {}}'])
def test_something_else_is_no_lock(recipe: Path, text: str) -> None:
    (recipe / "lock.json").write_text(text)
    with pytest.raises(UsageError, match="is no lock"):
        package_lock.versions(recipe / "lock.json")


def test_a_build_that_fails_leaves_nothing(recipe: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> str:
        raise LabError("Building the image of mail failed.")

    monkeypatch.setattr(box_builder, "NEEDED_GIB", 0)
    monkeypatch.setattr(tools, "run", fail)
    (recipe.parent / "cache" / "boxes" / ".building-killed").mkdir(parents=True)
    with pytest.raises(LabError, match="Building the image"):
        box_builder.build()
    assert list(box.home().iterdir()) == []


@pytest.mark.usefixtures("recipe")
def test_a_build_without_room_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(box_builder, "NEEDED_GIB", 1 << 20)
    with pytest.raises(LabError, match="free; a box with its layers needs"):
        box_builder.build()


def test_a_file_system_is_made_for_someone_whose_path_lacks_the_system_programs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    monkeypatch.setattr(box, "DISK_GIB", {"mail": 1})
    monkeypatch.setattr(box_builder, "MAPPED", ())  # the mapping itself is mmdebstrap's
    (tmp_path / "etc").mkdir()
    with tarfile.open(tmp_path / "mail.tar", "w") as tree:
        tree.add(tmp_path / "etc", "etc")
    box_builder._filesystem("mail", tmp_path / "mail.tar", tmp_path, tmp_path / "log")
    assert (tmp_path / "mail.img").stat().st_size == 1 << 30
