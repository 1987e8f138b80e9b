"""Commands as processes of this host: a group of their own, streams apart, a time limit, nothing left behind."""

import json
import os
import pwd
import selectors
import signal
import subprocess
import threading
import time
from collections import deque
from contextlib import suppress
from functools import partial
from typing import IO, Any

import mitogen.core

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
GRACE = 2.0  # seconds between the polite and the final signal to a group whose time is over
CHUNK = 1 << 17

OUT, ERR, END = b"o", b"e", b"x"  # first byte of every message of a command: stdout, stderr, how it ended

_running: dict[int, subprocess.Popen[bytes]] = {}
_lock = threading.Lock()
_guarded = False


def start(argv: list[str], stdin: bytes, timeout: float, limit: int, sender: Any) -> int | None:
    """Start a command; its output and its end follow as messages to the sender.

    Args:
        argv: program and arguments, no shell involved.
        stdin: what the command reads, then end of file.
        timeout: seconds after which the whole process group is ended.
        limit: bytes of stdout and stderr together after which it is ended too.
        sender: a mitogen Sender that takes the messages.

    Returns:
        A number to stop it by; None if the program could not be started.
    """
    _guard(sender.context.router.broker)
    say = Voice(sender)
    account = pwd.getpwuid(os.geteuid())
    try:
        process = subprocess.Popen(
            argv,
            stdin=subprocess.PIPE if stdin else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=_environment(account),
            cwd=account.pw_dir if os.access(account.pw_dir, os.X_OK) else "/",
            start_new_session=True,
        )
    except OSError as error:
        say(ERR, f"{argv[0]}: {error.strerror}\n".encode())
        say.end(status=127, ended="exit")
        return None
    with _lock:
        _running[process.pid] = process
    follower = threading.Thread(target=_follow, args=(process, stdin, timeout, limit, say), daemon=True)
    follower.start()
    return process.pid


def stop(number: int) -> None:
    """End a command that `start` began, with its whole group."""
    with _lock:
        if number in _running:
            _signal_group(number, signal.SIGKILL)


class Voice:
    """Sends a command's messages, raw, and counts their bytes."""

    def __init__(self, sender: Any) -> None:
        self._sender = sender
        self.spoken = 0

    def __call__(self, kind: bytes, data: bytes) -> None:
        """Send a piece of stdout or stderr."""
        self.spoken += len(data)
        self._sender.send(kind + data, mitogen.core.Message.ENC_BIN)

    def end(self, *, status: int, ended: str) -> None:
        """Send how it ended: by "exit", "timeout" or "limit"."""
        self(END, json.dumps({"status": status, "ended": ended}).encode())


def _environment(account: pwd.struct_passwd) -> dict[str, str]:
    return {
        "PATH": PATH,
        "LANG": "C.UTF-8",
        "HOME": account.pw_dir,
        "USER": account.pw_name,
        "LOGNAME": account.pw_name,
        "SHELL": account.pw_shell or "/bin/sh",
    }


def _guard(broker: Any) -> None:
    """Once: when the connection ends, so does everything that still runs for it."""
    global _guarded  # noqa: PLW0603
    if not _guarded:
        mitogen.core.listen(broker, "shutdown", _end_all)
        _guarded = True


def _end_all() -> None:
    with _lock:
        for number in _running:
            _signal_group(number, signal.SIGKILL)


def _signal_group(number: int, which: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(number, which)


def _follow(process: subprocess.Popen[bytes], stdin: bytes, timeout: float, limit: int, say: Voice) -> None:
    exit_notice = os.pidfd_open(process.pid)
    try:
        ended = _pump(process, exit_notice, stdin, timeout, limit, say)
    finally:
        with _lock:
            # The leader is not reaped yet, so its number still names this group and no other.
            _signal_group(process.pid, signal.SIGKILL)
            _running.pop(process.pid, None)
        _drain(process, say)
        status = process.wait()
        os.close(exit_notice)
    say.end(status=status if status >= 0 else 128 - status, ended=ended)


def _pump(
    process: subprocess.Popen[bytes], exit_notice: int, stdin: bytes, timeout: float, limit: int, say: Voice
) -> str:
    """Carry the streams until the leader exits; returns what ended it."""
    deadline = time.monotonic() + timeout
    ended = "exit"
    with selectors.DefaultSelector() as selector:
        selector.register(exit_notice, selectors.EVENT_READ)
        _watch_streams(selector, process, stdin, say)
        while True:
            for key, _ in selector.select(max(0.0, deadline - time.monotonic())):
                if key.fileobj == exit_notice:
                    return ended
                if not key.data():
                    selector.unregister(key.fileobj)
            if ended == "exit" and say.spoken > limit:
                ended, deadline = "limit", 0.0
            if time.monotonic() >= deadline:
                polite = ended == "exit"
                _signal_group(process.pid, signal.SIGTERM if polite else signal.SIGKILL)
                ended = "timeout" if polite else ended
                deadline = time.monotonic() + GRACE


def _watch_streams(
    selector: selectors.BaseSelector, process: subprocess.Popen[bytes], stdin: bytes, say: Voice
) -> None:
    """Register each stream with what to do when it is ready; that returns whether it goes on."""
    for kind, stream in ((OUT, process.stdout), (ERR, process.stderr)):
        if stream:
            os.set_blocking(stream.fileno(), False)
            selector.register(stream, selectors.EVENT_READ, partial(_carry, say, kind, stream.fileno()))
    if process.stdin:
        os.set_blocking(process.stdin.fileno(), False)
        selector.register(
            process.stdin, selectors.EVENT_WRITE, partial(_feed, process.stdin, deque([memoryview(stdin)]))
        )


def _carry(say: Voice, kind: bytes, fd: int) -> bool:
    data = os.read(fd, CHUNK)
    if data:
        say(kind, data)
    return bool(data)


def _feed(stream: IO[bytes], left: deque[memoryview]) -> bool:
    """Write some of what is left; a command that no longer reads has had enough."""
    data = left.popleft()
    try:
        data = data[os.write(stream.fileno(), data[:CHUNK]) :]
    except BrokenPipeError:
        data = data[:0]
    if data:
        left.append(data)
        return True
    stream.close()
    return False


def _drain(process: subprocess.Popen[bytes], say: Voice) -> None:
    """Send what is left in the pipes, without waiting for a stranger that may still hold them."""
    for kind, stream in ((OUT, process.stdout), (ERR, process.stderr)):
        if stream:
            with suppress(BlockingIOError):
                while data := os.read(stream.fileno(), CHUNK):
                    say(kind, data)
            stream.close()
    if process.stdin:
        with suppress(BrokenPipeError):
            process.stdin.close()
