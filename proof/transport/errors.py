"""Errors of the transport: unreachable, no answer, no end, failure at the remote side."""

from proof.transport.spec import ConnectionSpec

CURES = (
    ("REMOTE HOST IDENTIFICATION HAS CHANGED", "not the known host key: find out why before you trust it"),
    ("Host key verification failed", "the host's key is unknown: compare its fingerprint, then add it to known_hosts"),
    ("Connection refused", "the host is there and nothing listens: look at sshd and at the port"),
    ("password is required", "sudo asks for a password: task 1.2.1 is not in force for this user"),
    ("sudo:", "the user may not become root: look at the sudo rules and groups"),
    (
        "Permission denied",
        "the key was not accepted: look at IdentityFile, at the agent (ssh-add -l) and authorized_keys",
    ),
    ("timed out", "nothing answers: the host is down, or a firewall or a missing route is in the way"),
    ("Could not resolve", "the name is unknown: look at the inventory"),
    ("python3", "python3 must be installed at the other end"),
)


class Unreachable(Exception):
    """A host does not answer on its way; neither a failed criterion nor a broken lab before someone judged it.

    Attributes:
        name: the place, as it is called.
        way: where it was tried.
        words: what ssh said, unchanged.
        reason: the line of them that tells why.
        what: one sentence with those words.
        hint: what the reader can do.
    """

    def __init__(self, way: ConnectionSpec, words: str) -> None:
        self.name = way.called
        self.way = way
        self.words = words.strip() or "ssh ended without a word"
        self.what = f"{way} cannot be reached: {self.words}"
        sign, hint = next(((sign, hint) for sign, hint in CURES if sign in self.words), ("", "look at what ssh says"))
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
        self.hint = "the next command connects again; whether this one came to its end is unknown"


class NoAnswerError(AssertionError):
    """The host says that what was asked about does not exist or cannot be told."""


class RemoteError(RuntimeError):
    """A function raised at the other end; the message carries its traceback."""


class TimeLimitError(AssertionError):
    """A command did not end in time, and was ended with its whole process group.

    Attributes:
        stdout, stderr: what it had said by then.
    """

    def __init__(self, place: str, command: str, seconds: float, stdout: bytes, stderr: bytes) -> None:
        self.stdout = stdout
        self.stderr = stderr
        tail = "\n".join(
            f"{name} ended with: {said[-2000:].decode(errors='replace')}"
            for name, said in (("stdout", stdout), ("stderr", stderr))
            if said
        )
        told = tail or "it had said nothing"
        super().__init__(f"{place}: `{command}` did not end within {seconds:g} s and was ended\n{told}")


class TooMuchOutputError(AssertionError):
    """A command wrote more than is taken, and was ended with its whole process group."""

    def __init__(self, place: str, command: str, limit: int) -> None:
        super().__init__(f"{place}: `{command}` wrote more than {limit >> 20} MiB and was ended")
