"""The error for output without the requested content."""


class NothingToReadError(AssertionError):
    """The output holds no answer: what was to be proved is not proved, and the message shows the output."""
