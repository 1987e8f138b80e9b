"""How the other end says that a question has no answer."""


class UnanswerableError(Exception):
    """The thing asked about does not exist or cannot tell; the message is one sentence for the reader."""
