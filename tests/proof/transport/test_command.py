"""Commands: streams, bytes, limits, and nothing left behind."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from proof.transport.errors import NoAnswerError, RemoteError, TimeLimitError, TooMuchOutputError
from proof.transport.host import Host, place
from proof.transport.observation import Observation
from tests.proof.transport.here import host_here

PLACE = "proof.transport.location"


@pytest.fixture(scope="module")
def seen() -> list[Observation]:
    return []


@pytest.fixture(scope="module")
def here(seen: list[Observation]) -> Iterator[Host]:
    host = host_here(seen)
    yield host
    host.close()


def alive(pid: int) -> bool:
    """Whether a process runs; one that only waits to be reaped does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def ended(pid: int) -> bool:
    deadline = time.monotonic() + 5
    while alive(pid) and time.monotonic() < deadline:
        time.sleep(0.01)
    return not alive(pid)


def test_streams_and_status_come_apart(here: Host) -> None:
    done = here.run("echo out; echo err >&2; exit 3")
    assert (done.rc, done.stdout, done.stderr) == (3, "out\n", "err\n")


def test_arguments_are_quoted(here: Host) -> None:
    assert here.check_output("printf '<%%s>' %s %s", "a b", "'; exit 1 #") == "<a b><'; exit 1 #>"


def test_any_byte_passes(here: Host) -> None:
    data = bytes(range(256)) * 10
    done = here.run("cat; cat >&2 </dev/null", stdin=data)
    assert done.stdout_bytes == data
    assert "\\xff" in done.stdout


def test_tens_of_megabytes_pass_both_ways(here: Host) -> None:
    data = os.urandom(1 << 20) * 24
    assert here.run("cat", stdin=data).stdout_bytes == data


def test_without_stdin_it_is_empty(here: Host) -> None:
    assert here.run("cat").stdout == ""


def test_a_command_that_reads_nothing_may_be_given_much(here: Host) -> None:
    assert here.run("exec 0<&-; sleep 0.1; echo done", stdin=b"x" * 1_000_000).stdout == "done\n"


def test_a_signal_shows_as_a_shell_shows_it(here: Host) -> None:
    assert here.run("kill -TERM $$").rc == 143


def test_environment_is_the_same_everywhere(here: Host) -> None:
    names = {line.partition("=")[0] for line in here.check_output("env").splitlines()}
    assert names - {"_", "PWD", "SHLVL", "OLDPWD"} == {"PATH", "LANG", "HOME", "USER", "LOGNAME", "SHELL"}
    assert "/usr/sbin" in here.check_output("echo $PATH").split(":")


def test_no_terminal_to_ask_on(here: Host) -> None:
    assert here.run("echo x </dev/tty").rc != 0


def test_time_limit_ends_the_group_and_is_reported(here: Host) -> None:
    with pytest.raises(TimeLimitError, match=r"here: `echo \$\$; .*did not end within 0.8 s(.|\n)*stdout") as caught:
        here.run("echo $$; sleep 60 & echo $!; wait", timeout=0.8)
    for pid in caught.value.stdout.split():
        assert ended(int(pid))


def test_who_ignores_the_polite_signal_is_ended_too(here: Host) -> None:
    with pytest.raises(TimeLimitError) as caught:
        here.run("trap '' TERM; echo $$; while :; do sleep 0.05; done", timeout=0.8)
    assert ended(int(caught.value.stdout))


def test_background_children_end_with_the_command(here: Host) -> None:
    done = here.run("sleep 60 & echo $!", timeout=10)
    assert ended(int(done.stdout))


def test_a_stranger_holding_the_output_delays_nothing(here: Host) -> None:
    started = time.monotonic()
    done = here.run("setsid sleep 5 & echo $!; sleep 0.1")
    assert time.monotonic() - started < 3
    here.run("kill %s", done.stdout.strip())


def test_too_much_output_is_refused(here: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(f"{PLACE}.OUTPUT_LIMIT", 1 << 20)
    with pytest.raises(TooMuchOutputError, match="more than 1 MiB"):
        here.run("yes")


def test_questions_are_answered_while_a_command_runs(here: Host) -> None:
    waiting = here.start("read line; echo $line", stdin="")
    assert waiting.result().stdout == "\n"
    slow = here.start("sleep 0.4; echo late")
    assert not slow.done()
    assert here.file("/").is_directory
    assert here.run("echo early").stdout == "early\n"
    assert slow.result().stdout == "late\n"
    assert slow.done()
    assert slow.result() is slow.result()


def test_a_started_command_can_be_stopped(here: Host) -> None:
    slow = here.start("echo begun; sleep 60")
    slow.stop()
    assert slow.result().rc == 137


def test_a_place_puts_its_prefix_before_every_command(here: Host) -> None:
    inner = place(here, "inner", ["env", "WHERE=inside"])
    assert inner.check_output("echo $WHERE %s", "a  b") == "inside a  b"
    assert inner.name == "inner"
    assert inner.run("exit 4").rc == 4


def test_questions_of_a_place_are_answered_there(here: Host) -> None:
    inner = place(here, "inner", ["env", "WHERE=inside"])
    assert inner.call(os.getenv, "WHERE") == "inside"
    assert here.call(os.getenv, "WHERE") is None
    inner.close()
    assert here.run("true").rc == 0


def test_a_missing_prefix_program_is_a_status(here: Host) -> None:
    done = place(here, "nowhere", ["no-such-program"]).run("true")
    assert (done.rc, done.stderr) == (127, "no-such-program: No such file or directory\n")


def test_everything_is_observed(here: Host, seen: list[Observation]) -> None:
    seen.clear()
    here.run("exit %s", "2")
    assert here.file("/etc/passwd").mode == 0o644
    assert here.file("/etc/passwd").content
    with pytest.raises(NoAnswerError):
        _ = here.file("/no/such").mode
    assert [(one.place, one.command, one.exit_status) for one in seen] == [
        ("here", "exit 2", 2),
        ("here", "file /etc/passwd mode", None),
        ("here", "file /etc/passwd content", None),
        ("here", "file /no/such mode", None),
    ]
    assert seen[1].stdout == str(0o644)
    assert "not shown" in str(seen[2].stdout)
    assert "No such file" in str(seen[3].stderr)


def test_a_function_runs_at_the_other_end(here: Host, seen: list[Observation]) -> None:
    seen.clear()
    assert here.call(os.getpid) != os.getpid()
    assert here.call(os.path.join, "a", "b") == "a/b"
    assert seen[1].command == "posixpath.join('a', 'b')"


def test_a_long_function_holds_nothing_up(here: Host) -> None:
    answer = here.begin(time.sleep, 1.0)
    started = time.monotonic()
    assert here.file("/").is_directory
    assert time.monotonic() - started < 0.9
    assert answer() is None


def test_faults_of_a_function_are_reported(here: Host) -> None:
    with pytest.raises(NoAnswerError, match="No such file"):
        here.call(os.stat, "/no/such")
    with pytest.raises(RemoteError, match="ZeroDivisionError"):
        here.call(divmod, 1, 0)


def test_programs_are_found_and_builtins_are_none(here: Host) -> None:
    assert here.exists("sh")
    assert not here.exists("cd")
    assert here.find_command("sh").endswith("/sh")
    with pytest.raises(ValueError, match="no-such-program"):
        here.find_command("no-such-program")


def test_other_modules_of_testinfra_still_work(here: Host) -> None:
    assert here.environment()["LANG"] == "C.UTF-8"
    with pytest.raises(AttributeError):
        _ = here.no_such_module
