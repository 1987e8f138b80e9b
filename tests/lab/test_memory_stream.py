"""Memory goes through a real zstd and real sockets; QEMU is a thread."""

import os
import shutil
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import cast

import pytest

from lab import memory_stream
from lab.errors import LabError
from lab.qmp import Monitor

MEMORY = os.urandom(1 << 20) + bytes(1 << 20)

pytestmark = pytest.mark.skipif(not shutil.which("zstd"), reason="zstd is not installed")


class Vm:
    """The other end of a migration."""

    def __init__(self, *, hangs_up_after: int | None = None) -> None:
        self.read = b""
        self._hangs_up_after = hangs_up_after
        self._thread = threading.Thread(target=lambda: None)

    def call(self, command: str, uri: str) -> None:
        path = uri.removeprefix("unix:")
        if command == "migrate":
            self._start(self._write, path)
            return
        server = socket.socket(socket.AF_UNIX)
        server.bind(path)
        server.listen(1)
        self._start(self._read, server)

    def _start(self, target: Callable[..., None], argument: object) -> None:
        self._thread = threading.Thread(target=target, args=(argument,))
        self._thread.start()

    def _write(self, path: str) -> None:
        with socket.socket(socket.AF_UNIX) as out:
            out.connect(path)
            out.sendall(MEMORY[: self._hangs_up_after])

    def _read(self, server: socket.socket) -> None:
        with server, server.accept()[0] as stream:
            while part := stream.recv(65536):
                self.read += part

    def wait_migration(self, _: float) -> None:
        self._thread.join()
        if self._hangs_up_after is not None:
            raise LabError("Memory of mail could not be moved: it hung up")

    def monitor(self) -> Monitor:
        return cast(Monitor, self)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "mail.mem.zst"
    memory_stream.save(Vm().monitor(), path, tmp_path / "meeting")
    return path


def test_what_is_loaded_is_bit_for_bit_what_was_stored(file: Path) -> None:
    vm = Vm()
    memory_stream.load(vm.monitor(), file, file.with_name("meeting"))
    assert vm.read == MEMORY
    assert file.stat().st_size < len(MEMORY) * 0.6
    assert [path.name for path in file.parent.iterdir()] == [file.name]


@pytest.mark.parametrize("damage", [lambda text: text[:-5], lambda text: text[:9000] + b"\0\0" + text[9002:]])
def test_a_damaged_file_is_an_error_that_names_it(file: Path, damage: Callable[[bytes], bytes]) -> None:
    file.write_bytes(damage(file.read_bytes()))
    with pytest.raises(LabError, match=r"mail\.mem\.zst could not be read"):
        memory_stream.load(Vm().monitor(), file, file.with_name("meeting"))


def test_what_qemu_reports_is_passed_on(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="hung up"):
        memory_stream.save(Vm(hangs_up_after=10).monitor(), tmp_path / "file", tmp_path / "meeting")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
def test_a_full_disk_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "open", lambda *_: open("/dev/full", "wb"))  # noqa: PTH123, SIM115
    with pytest.raises(LabError, match="No space left on device") as error:
        memory_stream.save(Vm().monitor(), tmp_path / "file", tmp_path / "meeting")
    assert error.value.hint
