import json
import os
from pathlib import Path

import pytest

from lab import accelerator
from lab.accelerator import Accelerator
from lab.box import Box
from lab.errors import UsageError

BOX = Box("key", Path("/box"))


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine with /dev/kvm, on which no one has probed yet."""
    monkeypatch.setenv("MAIL_LAB_CACHE", str(tmp_path))
    monkeypatch.delenv("MAIL_LAB_ACCEL", raising=False)
    monkeypatch.setattr(os, "access", lambda *_: True)
    monkeypatch.setattr(accelerator, "qemu_version", lambda: (10, 0))
    return tmp_path


def probes(monkeypatch: pytest.MonkeyPatch, *answers: bool) -> list[bool]:
    """Answers that the probe will give, in turn."""
    left = list(answers)
    monkeypatch.setattr(accelerator, "probe", lambda _: left.pop(0))
    return left


@pytest.mark.parametrize("name", ["kvm", "tcg"])
def test_the_person_decides(cache: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv("MAIL_LAB_ACCEL", name)
    assert accelerator.choose(BOX) == Accelerator(name, "set by MAIL_LAB_ACCEL")
    assert not list(cache.iterdir())


@pytest.mark.usefixtures("cache")
def test_the_person_names_something_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAIL_LAB_ACCEL", "hvf")
    with pytest.raises(UsageError, match="MAIL_LAB_ACCEL is 'hvf'"):
        accelerator.choose(BOX)


@pytest.mark.usefixtures("cache")
@pytest.mark.parametrize(("there", "reason"), [(True, "may not be used"), (False, "there is no /dev/kvm")])
def test_no_kvm_for_us(monkeypatch: pytest.MonkeyPatch, there: bool, reason: str) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)
    monkeypatch.setattr(Path, "exists", lambda _: there)
    chosen = accelerator.choose(BOX)
    assert chosen.name == "tcg"
    assert reason in chosen.reason


@pytest.mark.usefixtures("cache")
@pytest.mark.parametrize(("boots", "name"), [(True, "kvm"), (False, "tcg")])
def test_a_guest_decides_once(monkeypatch: pytest.MonkeyPatch, boots: bool, name: str) -> None:
    left = probes(monkeypatch, boots)
    assert accelerator.choose(BOX).name == name
    assert accelerator.choose(BOX).name == name
    assert left == []


@pytest.mark.usefixtures("cache")
def test_another_qemu_is_probed_again(monkeypatch: pytest.MonkeyPatch) -> None:
    probes(monkeypatch, True, False)
    assert accelerator.choose(BOX).name == "kvm"
    monkeypatch.setattr(accelerator, "qemu_version", lambda: (11, 0))
    assert accelerator.choose(BOX).name == "tcg"


@pytest.mark.parametrize("text", ["", "[]", '{"question": 1}', "null"])
def test_a_damaged_memory_is_no_memory(cache: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    (cache / "accelerator.json").write_text(text)
    probes(monkeypatch, True)
    assert accelerator.choose(BOX).name == "kvm"
    assert json.loads((cache / "accelerator.json").read_text())["name"] == "kvm"
