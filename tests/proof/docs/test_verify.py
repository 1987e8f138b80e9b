"""What was signed can be checked, and whatever was changed since is named."""

import base64
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from lab.errors import LabError, UsageError
from proof.docs import build, bundle, commands, ledger, verify
from proof.docs.ledger import FOLDER
from proof.evidence import statement
from proof.evidence.statement import CHAIN, NAME
from tests.proof.docs.world import World


@pytest.fixture(autouse=True)
def key(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path_factory.mktemp("home") / "evidence.key"
    monkeypatch.setenv(statement.KEY_VARIABLE, str(path))
    return path


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Three runs, each with its statement."""
    made = World.make(tmp_path)
    for _ in range(3):
        run = made.run()
        folder = made.root / "build/runs" / run.id
        (folder / "evidence").mkdir()
        (folder / "evidence/x.stdout.txt").write_text("a long output")
        statement.seal(folder, statement.key_file())
    return made


def runs(world: World) -> list[Path]:
    return sorted(path for path in (world.root / "build/runs").iterdir() if path.is_dir())


def problems(path: Path, world: World) -> list[str]:
    return verify.check(path, verify.trusted(world.root)).problems


def write_ledger(world: World) -> Path:
    sources = world.sources()
    ledger.write(world.root / FOLDER, build.entries(sources, world.document()), sources.sabotages)
    return world.root / FOLDER


def test_what_nobody_touched_is_as_it_was_signed(world: World) -> None:
    checked = verify.check(world.root / "build/runs", verify.trusted(world.root))
    assert checked.problems == []
    assert "signed by" in checked.checked[0]
    assert problems(write_ledger(world), world) == []
    assert problems(world.site(), world) == []


def test_the_key_is_the_owners_alone_and_is_made_once(world: World, key: Path) -> None:
    before = key.read_bytes()
    statement.seal(runs(world)[0], key)
    assert key.read_bytes() == before
    assert key.stat().st_mode & 0o777 == 0o600


def test_ci_signs_only_with_a_key_that_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    assert statement.key_file() is not None
    monkeypatch.delenv(statement.KEY_VARIABLE)
    assert statement.key_file() is None


def test_a_run_that_nobody_signed_says_so(world: World) -> None:
    folder = runs(world)[-1]
    statement.seal(folder, None)
    assert problems(folder, world) == [f"{folder.name}: it is not signed"]


def test_a_key_that_nobody_trusts_is_named(world: World, key: Path, tmp_path: Path) -> None:
    signed = runs(world)[0]
    pem = statement.public_pem(key)
    key.unlink()
    assert "nobody here trusts" in problems(signed, world)[0]
    other = tmp_path / "other.pem"
    other.write_bytes(pem)
    assert commands.main(["verify", str(signed), "--key", str(other)]) == 0


def flip(path: Path, place: int) -> None:
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)


def test_any_flipped_byte_of_a_run_is_noticed(world: World) -> None:
    folder = runs(world)[1]
    for path in sorted(each for each in folder.rglob("*") if each.is_file()):
        whole = path.read_bytes()
        for place in range(0, len(whole), max(1, len(whole) // 40)):
            flip(path, place)
            try:
                found = problems(folder, world)
            except ValueError as error:  # a record that is none any more
                found = [str(error)]
            assert found, f"byte {place} of {path.name}"
            path.write_bytes(whole)
    assert problems(folder, world) == []


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (lambda folder: (folder / "evidence/x.stdout.txt").unlink(), "evidence/x.stdout.txt is gone"),
        (lambda folder: (folder / "evidence/y.txt").write_text("new"), "evidence/y.txt is not in its statement"),
        (lambda folder: (folder / NAME).unlink(), "it has no statement"),
        (lambda folder: (folder / NAME).write_text("{}"), "is no statement of a run"),
    ],
)
def test_what_was_added_or_taken_from_a_run_is_named(world: World, harm: Callable[[Path], object], said: str) -> None:
    harm(runs(world)[1])
    assert [found for found in problems(world.root / "build/runs", world) if said in found]


def test_a_run_that_is_dropped_from_the_middle_is_noticed(world: World) -> None:
    folder = runs(world)[1]
    shutil.rmtree(folder)
    assert problems(folder.parent, world) == [f"{CHAIN}:2: {folder.name}: its folder is gone, and older ones are there"]


def test_the_oldest_runs_go_by_themselves(world: World) -> None:
    shutil.rmtree(runs(world)[0])
    assert problems(world.root / "build/runs", world) == []


@pytest.mark.parametrize("order", [[0, 2], [1, 0, 2], [0, 1]])
def test_a_chain_that_lost_a_run_or_its_order_tells_where(world: World, order: list[int]) -> None:
    path = world.root / "build/runs" / CHAIN
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(lines[number] for number in order))
    assert problems(path.parent, world)


def test_a_ledger_tells_nothing_but_what_was_signed(world: World) -> None:
    folder = write_ledger(world)
    results = folder / "lab.jsonl"
    whole = results.read_text()
    for change, said in (
        (whole.replace("passed", "failed", 1), "failed, and passed was signed"),
        (whole.replace('"evidence": "', '"evidence": "0', 1), "its evidence is not the one that was signed"),
    ):
        results.write_text(change)
        assert [found for found in problems(folder, world) if said in found]
    results.write_text(whole)
    about = folder / "runs.jsonl"
    about.write_text(about.read_text().replace('"started": "2026', '"started": "2027'))
    assert "its started is 2027" in problems(folder, world)[0]


def test_a_ledger_without_the_statement_of_a_run_says_so(world: World) -> None:
    folder = write_ledger(world)
    next((folder / "statements").iterdir()).unlink()
    assert "it has no statement" in problems(folder, world)[0]


def test_a_changed_file_of_a_site_is_named(world: World) -> None:
    folder = world.site()
    path = next((folder / "evidence").rglob("*.json"))
    path.write_text(path.read_text().replace("uid", "gid") + " ")
    assert problems(folder, world) == [f"{path.relative_to(folder)} was changed"]


def test_evidence_of_a_site_that_was_changed_with_its_hash_is_noticed(world: World) -> None:
    folder = world.site()
    data = json.loads((folder / "data.json").read_text())
    shown = data["milestones"][0]["groups"][0]["tasks"][0]["criteria"][0]["scenarios"][0]["evidence"]["lab"]
    path = folder / shown["whole"]["path"]
    old = shown["whole"]["sha256"]
    path.write_text(path.read_text() + " ")
    new = statement.sha256(path.read_bytes())
    (folder / "data.json").write_text((folder / "data.json").read_text().replace(old, new))
    assert "its evidence is not the one that was signed" in problems(folder, world)[0]


def test_a_folder_of_something_else_is_wrong_use(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is no run's folder"):
        verify.check(tmp_path, {})


def test_a_key_of_another_kind_signs_nothing(key: Path) -> None:
    key.write_text("no key")
    with pytest.raises(LabError, match="is no key to sign with"):
        statement.private_key(key)


def test_another_implementation_agrees(world: World, key: Path) -> None:
    """DSSE and in-toto by their specifications, with nothing of ours and none of its libraries."""
    folder = runs(world)[0]
    envelope = json.loads((folder / NAME).read_text())
    payload = base64.b64decode(envelope["payload"])
    kind = envelope["payloadType"].encode()
    signed = b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)
    public = load_pem_public_key(statement.public_pem(key))
    signature = base64.b64decode(envelope["signatures"][0]["sig"])
    public.verify(signature, signed)  # type: ignore[union-attr, call-arg]
    with pytest.raises(InvalidSignature):
        public.verify(signature, signed + b" ")  # type: ignore[union-attr, call-arg]
    said = json.loads(payload)
    assert said["_type"] == "https://in-toto.io/Statement/v1"
    assert said["predicateType"] == "https://in-toto.io/attestation/test-result/v0.1"
    assert said["predicate"]["result"] == "PASSED"
    files = {one["name"]: one["digest"]["sha256"] for one in said["subject"]}
    assert files["run.json"] == statement.sha256((folder / "run.json").read_bytes())
    assert files["evidence/x.stdout.txt"] == statement.sha256(b"a long output")
    assert len(said["predicate"]["passedTests"]) == sum(name.startswith("scenario ") for name in files)


def test_two_runs_are_compared_side_by_side(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.run(A="failed", message="mail says no")
    found = world.sources().runs.found
    lines = commands.differences(found[0], found[-1])
    assert [line for line in lines if line.startswith("passed -> failed") and line.endswith("mail says no")]
    assert "made from the same" in lines
    monkeypatch.setattr(commands, "ROOT", world.root)
    monkeypatch.setattr(commands, "BUILD", world.root / "build")
    assert commands.main(["diff", found[0].id, "last"]) == 0
    assert commands.main(["diff", "nothing", "last"]) == UsageError.exit_status


def test_the_bundle_needs_no_other_file_and_is_signed(world: World, key: Path, tmp_path: Path) -> None:
    document = world.published()
    path = bundle.write(document, world.root / "build/docs", tmp_path / "out", key)
    text = path.read_text()
    assert "<script" not in text
    assert re.findall(r"""(?:src|href)=["'](?!#|data:)""", text) == []
    assert all(criterion.name in text for task in document.tasks for criterion in task.criteria)
    assert text.count("payloadType") == 1
    assert problems(path, world) == []
    path.write_text(text + " ")
    assert problems(path, world) == ["proof.html was changed"]
