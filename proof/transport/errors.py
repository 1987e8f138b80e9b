"""Errors of the transport: unreachable host, no answer, time limit, error on the remote side."""

from proof.transport.spec import ConnectionSpec

HINTS = (
    ("REMOTE HOST IDENTIFICATION HAS CHANGED", "the host key is not the known one: find out why before you trust it"),
    (
        "Host key verification failed",
        "the host's key is unknown: compare it, with provision/confirm_host_key.sh TARGET",
    ),
    ("Connection refused", "the host is up but nothing listens on this port: check sshd and the port"),
    ("password is required", "sudo asks for a password: apply task 1.2.1 for this user"),
    ("sudo:", "the user may not become root: check the sudo rules and the user's groups"),
    (
        "Permission denied",
        "the key was refused: check IdentityFile, the agent (ssh-add -l) and authorized_keys",
    ),
    ("timed out", "no answer: the host is down, or a firewall or a missing route is in between"),
    ("Could not resolve", "the name is unknown: check the inventory"),
    ("python3", "install python3 on the host"),
)


class Unreachable(Exception):
    """A host cannot be reached. The caller decides whether that is a failed criterion or a broken lab.

    Attributes:
        name: the place, such as mail.
        way: the connection that was tried.
        words: ssh's message, unchanged.
        reason: the line of the message that tells why.
        what: one sentence with the message.
        hint: what the reader can do.
    """

    def __init__(self, way: ConnectionSpec, words: str) -> None:
        self.name = way.called
        self.way = way
        self.words = words.strip() or "ssh ended without a message"
        self.what = f"{way} cannot be reached: {self.words}"
        sign, hint = next(((sign, hint) for sign, hint in HINTS if sign in self.words), ("", "look at ssh's message"))
        self.reason = next(line for line in reversed(self.words.splitlines()) if sign in line).strip(" @")
        self.hint = f"{hint}; try `{way.by_hand}`"
        super().__init__(self.what)

    def __str__(self) -> str:
        return f"{self.what}\n  -> {self.hint}"


class ConnectionLostError(Unreachable):
    """The connection ended before the answer came; whether the command ran to its end is unknown."""

    def __init__(self, way: ConnectionSpec, command: str, words: str) -> None:
        super().__init__(way, words)
        self.what = f"{way}: the connection was lost during `{command}`: {self.words}"
        self.hint = "the next command connects again; whether this one finished is unknown"


class NoAnswerError(AssertionError):
    """The host says that what was asked about does not exist or cannot be told."""


class RemoteError(RuntimeError):
    """A function failed on the host; the message holds its traceback."""


class TimeLimitError(AssertionError):
    """A command did not end in time, and was ended with its whole process group.

    Attributes:
        stdout, stderr: what it had written by then.
    """

    def __init__(self, place: str, command: str, seconds: float, stdout: bytes, stderr: bytes) -> None:
        self.stdout = stdout
        self.stderr = stderr
        tail = "\n".join(
            f"{name} ended with: {output[-2000:].decode(errors='replace')}"
            for name, output in (("stdout", stdout), ("stderr", stderr))
            if output
        )
        written = tail or "it had written nothing"
        super().__init__(f"{place}: `{command}` did not end within {seconds:g} s and was ended\n{written}")


class TooMuchOutputError(AssertionError):
    """A command wrote more than the limit, and was ended with its whole process group."""

    def __init__(self, place: str, command: str, limit: int) -> None:
        super().__init__(f"{place}: `{command}` wrote more than {limit >> 20} MiB and was ended")
