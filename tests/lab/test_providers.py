import shutil
from pathlib import Path

import pytest

from lab import providers
from lab.errors import UsageError
from lab.provider import NAMES


@pytest.mark.parametrize(
    ("there", "chosen"),
    [
        ({"qemu-system-x86_64", "vagrant"}, "qemu"),
        ({"qemu-system-x86_64"}, "qemu"),
        ({"vagrant"}, "vagrant"),
        (set(), "qemu"),
    ],
)
def test_vagrant_is_chosen_where_only_it_is_there(
    monkeypatch: pytest.MonkeyPatch, there: set[str], chosen: str
) -> None:
    monkeypatch.setattr(shutil, "which", lambda program, **_: program if program in there else None)
    assert providers.default() == chosen


def test_every_name_is_a_provider() -> None:
    assert [providers.make(name).name for name in NAMES] == list(NAMES)
    with pytest.raises(UsageError, match="no provider hyperv") as raised:
        providers.make("hyperv")
    assert "qemu, vagrant" in raised.value.hint


def test_a_checkout_has_one_lab_at_a_time(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    did: list[str] = []

    class Other:
        def __init__(self, name: str) -> None:
            self.name = name

        def stop(self) -> None:
            did.append(f"stop {self.name}")

        def destroy(self) -> None:
            did.append(f"destroy {self.name}")

    monkeypatch.setattr(providers, "make", Other)
    monkeypatch.setattr(providers, "STATE", tmp_path)
    providers.stop_others("qemu")
    assert did == [], "nobody needs Vagrant who never had it"
    (tmp_path / "vagrant").mkdir()
    providers.stop_others("qemu")
    providers.stop_others("vagrant")
    providers.destroy_all()
    assert did == ["stop vagrant", "stop qemu", "destroy qemu", "destroy vagrant"]
