"""Errors for people: what happened, and what to do about it."""

EXIT_LAB_BROKEN = 12
EXIT_USAGE = 4


class LabError(Exception):
    """The lab, a tool or a setting is broken; never that a criterion failed.

    Args:
        what: what happened and where, one sentence.
        hint: what the reader can do now, one sentence; empty if nothing is known.
    """

    exit_status = EXIT_LAB_BROKEN

    def __init__(self, what: str, hint: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.what}\n  -> {self.hint}" if self.hint else self.what


class UsageError(LabError):
    """The person asked for something that does not exist."""

    exit_status = EXIT_USAGE
