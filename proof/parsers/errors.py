"""A tool that did not tell what it was asked for."""


class NothingToReadError(AssertionError):
    """The output holds no answer: what was to be proved is not proved, and the message shows the output."""
