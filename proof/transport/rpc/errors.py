"""The error for a question that has no answer."""


class UnanswerableError(Exception):
    """The thing asked about does not exist or cannot tell; the message is one sentence for the reader."""
