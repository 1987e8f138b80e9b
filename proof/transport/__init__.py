"""The way to a host: one SSH login, behind it an interpreter that stays, in front of it testinfra's API."""

from proof.transport.errors import (
    ConnectionLostError,
    NoAnswerError,
    RemoteError,
    TimeLimitError,
    TooMuchOutputError,
    Unreachable,
)
from proof.transport.host import Host, close, connect, here, place
from proof.transport.observation import Observation, Observer
from proof.transport.pending import Pending
from proof.transport.way import Way

__all__ = [
    "ConnectionLostError",
    "Host",
    "NoAnswerError",
    "Observation",
    "Observer",
    "Pending",
    "RemoteError",
    "TimeLimitError",
    "TooMuchOutputError",
    "Unreachable",
    "Way",
    "close",
    "connect",
    "here",
    "place",
]
