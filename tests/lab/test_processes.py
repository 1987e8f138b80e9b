import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab import parallel, processes, scratch, tools
from lab.errors import LabError
from lab.parallel import on_both

PRETENDER = "import signal, sys\n{}\nsys.stdout.write('ready\\n')\nsys.stdout.flush()\nsignal.pause()\n"


@pytest.fixture
def started() -> Iterator[list[subprocess.Popen[bytes]]]:
    running: list[subprocess.Popen[bytes]] = []
    yield running
    for process in running:
        process.kill()
        process.communicate()


def pretend(running: list[subprocess.Popen[bytes]], program: str, argument: str, body: str = "") -> int:
    """Start a process that looks like a VM with an argument. Returns its number."""
    argv = [program, "-c", PRETENDER.format(body), argument]
    process = subprocess.Popen(argv, executable=sys.executable, stdout=subprocess.PIPE)
    running.append(process)
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    return process.pid


def test_a_vm_is_known_by_how_its_argument_begins(started: list[subprocess.Popen[bytes]]) -> None:
    ours = pretend(started, "qemu-system-x86_64", "file=/a/mail.qcow2,cache=unsafe")
    pretend(started, "qemu-system-x86_64", "file=/a/mail.qcow2.other,")
    pretend(started, "qemu-system-x86_64", "path=/x,file=/a/mail.qcow2,")
    pretend(started, "grep", "file=/a/mail.qcow2,")
    assert processes.vms("file=/a/mail.qcow2,") == [ours]
    assert not processes.is_vm(os.getpid(), "file=/a/mail.qcow2,")
    assert not processes.is_vm(1 << 22, "file=/a/mail.qcow2,")


@pytest.mark.parametrize("body", ["", "signal.signal(signal.SIGTERM, signal.SIG_IGN)"])
def test_a_vm_ends_also_if_it_does_not_obey(
    started: list[subprocess.Popen[bytes]], monkeypatch: pytest.MonkeyPatch, body: str
) -> None:
    monkeypatch.setattr(processes, "SECONDS_TO_END", 0.2)
    pid = pretend(started, "qemu-system-x86_64", "a lab", body)
    processes.end(pid, "a lab")
    assert started[0].wait(5) == -(signal.SIGKILL if body else signal.SIGTERM)


def test_a_number_that_belongs_to_another_process_by_now_is_left_alone(started: list[subprocess.Popen[bytes]]) -> None:
    pid = pretend(started, "postgres", "a lab")
    processes.end(pid, "a lab")
    assert started[0].poll() is None
    processes.end(1 << 22, "a lab")


def test_a_program_that_is_missing_names_its_package() -> None:
    with pytest.raises(LabError, match="nosuchprogram is not installed"):
        tools.run(["nosuchprogram"], "Trying")


def test_a_program_that_fails_shows_its_last_lines(tmp_path: Path) -> None:
    script = ["sh", "-c", "echo first; echo last >&2; exit 3"]
    with pytest.raises(LabError, match=r"Trying failed with exit status 3\.\n  \| last") as raised:
        tools.run(script, "Trying", hint="Try harder")
    assert raised.value.hint == "Try harder"
    with pytest.raises(LabError, match=r"\| first\n  \| last"):
        tools.run(script, "Trying", log=tmp_path / "log")


def test_a_program_that_found_the_disk_full_is_reported() -> None:
    with pytest.raises(LabError) as raised:
        tools.run(["sh", "-c", "echo write: No space left on device >&2; exit 1"], "Writing")
    assert raised.value.hint == tools.MORE_ROOM


def test_a_program_reads_nothing_of_ours() -> None:
    assert tools.run(["cat"], "Reading") == ""


def test_the_first_error_ends_the_other_node_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parallel, "ABANDON_AGAIN_SECONDS", 0.1)

    def act(node: str) -> None:
        if node == "hub":
            raise LabError("The hub failed.")
        tools.run(["sleep", "60"], "Sleeping")

    with pytest.raises(LabError, match="The hub failed"):
        on_both(act, tools.end_all)


def test_an_interrupt_ends_both_nodes() -> None:
    """As the person's Ctrl-C does, which reaches the main thread alone."""
    script = """
import os, signal, threading
from lab import tools
from lab.parallel import on_both
signal.signal(signal.SIGINT, signal.default_int_handler)  # a background job ignores it
signal.signal(signal.SIGALRM, lambda *_: signal.raise_signal(signal.SIGINT))
signal.setitimer(signal.ITIMER_REAL, 1.5)
try:
    on_both(lambda _: tools.run(["sh", "-c", "sleep 60 & wait"], "Sleeping"), tools.end_all)
except KeyboardInterrupt:
    print("interrupted", threading.active_count())
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=10, check=True)
    assert done.stdout == "interrupted 1\n"


def test_results_come_by_node() -> None:
    assert on_both(str.upper) == {"mail": "MAIL", "hub": "HUB"}


def test_a_program_ends_with_the_runner_that_was_killed() -> None:
    script = """
from pathlib import Path
from lab import tools
tools.run(["sh", "-c", "echo $$; exec sleep 60"], "Sleeping", log=Path("/dev/stdout"))
"""
    runner = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE)
    assert runner.stdout is not None
    process = os.pidfd_open(int(runner.stdout.readline()))
    runner.kill()
    runner.communicate()
    assert select.select([process], [], [], 5.0)[0]
    os.close(process)


def test_a_folder_to_work_in_goes_with_its_work(tmp_path: Path) -> None:
    with scratch.folder(tmp_path, ".work-") as work:
        (work / "file").write_text("x")
        with scratch.folder(tmp_path, ".work-") as other:
            assert work.exists()
            assert other != work
    assert list(tmp_path.iterdir()) == []
