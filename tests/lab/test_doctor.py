import os
import shutil
from pathlib import Path

import pytest

from lab import accelerator, box, doctor, progress, ssh_access, tools
from lab.accelerator import Accelerator
from lab.bootstrap import requirements
from lab.bootstrap.requirements import Need
from lab.box import Box
from lab.doctor import Finding
from lab.errors import LabError


@pytest.fixture(autouse=True)
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that has everything, with a box, on which guests run under KVM."""
    monkeypatch.setenv("MAIL_LAB_CACHE", str(tmp_path))
    monkeypatch.setattr(tools, "find", lambda program: f"/usr/bin/{program}")
    monkeypatch.setattr(accelerator, "qemu_version", lambda: (10, 0))
    monkeypatch.setattr(accelerator, "choose", lambda _: Accelerator("kvm", "a guest booted on it"))
    monkeypatch.setattr(box, "find", lambda: Box("key", tmp_path))
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(doctor, "PROBE_SECONDS", 0.01)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(1 << 50, 0, 1 << 50))


def found(subject: str) -> Finding:
    (finding,) = [finding for finding in doctor.examine() if finding.subject == subject]
    return finding


def test_a_machine_that_has_everything() -> None:
    findings = doctor.examine()
    assert [finding for finding in findings if finding.level == "error"] == []
    assert {"mmdebstrap", "memory", "disk", "box", "acceleration"} <= {finding.subject for finding in findings}


@pytest.mark.parametrize(
    ("scenarios", "said"), [(60, "about 10 min, by the last ones"), (3, "min without KVM, by a probe")]
)
def test_the_time_of_a_run_is_told(monkeypatch: pytest.MonkeyPatch, scenarios: int, said: str) -> None:
    known = {"Provision 1.2.1": 99.0, **{f"scenario {number}": 10.0 for number in range(scenarios)}}
    monkeypatch.setattr(progress, "all_measured", lambda: known)
    assert said in found("a whole run").message


def test_every_tool_that_is_missing_names_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(program: str) -> str:
        raise LabError(f"The program {program} is not installed.")

    monkeypatch.setattr(tools, "find", missing)
    findings = {finding.subject: finding for finding in doctor.examine()}
    for program, package in tools.PACKAGES.items():
        assert (findings[program].level, findings[program].hint) == ("error", f"apt install {package}")


def test_a_qemu_that_corrupts_guests(monkeypatch: pytest.MonkeyPatch) -> None:
    def old() -> tuple[int, int]:
        raise LabError("QEMU is version 7.2.", "Install a newer one")

    monkeypatch.setattr(accelerator, "qemu_version", old)
    assert found("QEMU's version") == Finding("QEMU's version", "error", "QEMU is version 7.2.", "Install a newer one")


def test_a_user_without_subordinate_users(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 4242)
    monkeypatch.setenv("USER", "nobody-of-this-name")
    finding = found("building as an ordinary user")
    assert finding.level == "error"
    assert finding.hint.startswith("usermod --add-subuids")


def test_a_small_machine_works_with_drawbacks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "MEMORY_MIB", {"mail": 1 << 30})
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(1 << 30, 0, 1 << 30))
    assert (found("memory").level, found("disk").level) == ("warning", "warning")


def test_a_runtime_folder_that_is_too_deep_for_sockets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    deep = tmp_path / ("x" * 100)
    deep.mkdir()
    monkeypatch.setattr(doctor, "sockets", lambda: deep)
    assert found("socket paths").level == "error"


def test_a_checkout_whose_path_tools_would_misread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ssh_access, "ROOT", Path("/home/me/50%"))
    assert found("paths").level == "error"


def test_a_damaged_box(monkeypatch: pytest.MonkeyPatch) -> None:
    def damaged() -> Box:
        raise LabError("The box is damaged: mail.img.", "rm -r it")

    monkeypatch.setattr(box, "find", damaged)
    assert (found("box").level, found("box").hint) == ("error", "rm -r it")
    assert found("acceleration").level == "error"


def test_before_the_first_box(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(box, "find", lambda: None)
    assert (found("box").level, found("acceleration").level) == ("warning", "warning")


def test_slow_guests_are_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accelerator, "choose", lambda _: Accelerator("tcg", "there is no /dev/kvm"))
    assert found("acceleration").level == "warning"
    assert "there is no /dev/kvm" in found("acceleration").message


@pytest.mark.parametrize(
    ("there", "level", "hint"),
    [
        ({"vagrant", "libvirt-daemon"}, "ok", ""),
        ({"vagrant"}, "warning", "apt install libvirt-daemon, for --provider=vagrant"),
    ],
)
def test_vagrant_is_checked_if_installed(
    monkeypatch: pytest.MonkeyPatch, there: set[str], level: str, hint: str
) -> None:
    wanted = [Need(name, "", lambda name=name: name in there) for name in ("vagrant", "libvirt-daemon")]  # type: ignore[misc]
    monkeypatch.setattr(requirements, "FOR_VAGRANT", wanted)
    monkeypatch.setattr(shutil, "which", lambda program, **_: program if program in there else None)
    assert (found("vagrant").level, found("vagrant").hint) == (level, hint)
    monkeypatch.setattr(shutil, "which", lambda *_, **__: None)
    assert "vagrant" not in {finding.subject for finding in doctor.examine()}, "few want a lab by it"
