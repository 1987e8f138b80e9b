"""What OpenSSH's client tells about a login with `-vv`: the offer, what was agreed, the order of events.

A login that succeeds shows all of it, so nothing has to fail on the server to learn what it would accept.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

_FIELDS = {
    "KEX algorithms": "kex",
    "host key algorithms": "key",
    "ciphers stoc": "enc",
    "MACs stoc": "mac",
}
MARKERS = ("ext-info-s", "kex-strict-s-v00@openssh.com")


@dataclass(frozen=True)
class Login:
    """One login as the client saw it.

    Args:
        software: the server's version string, like `OpenSSH_10.0p2 Debian-7`.
        kex: the key exchange that was used.
        offer: kind (kex, key, enc, mac) to the algorithms that the server offers, in its order.
        methods: ways to authenticate that the server offers.
        before_authentication: what the server said to the person before any credential was tried.
        authenticated: whether the login succeeded.
    """

    software: str
    kex: str
    offer: Mapping[str, tuple[str, ...]]
    methods: tuple[str, ...]
    before_authentication: str
    authenticated: bool


def parse(stderr: str) -> Login:
    """Read what `ssh -vv` wrote to its standard error."""
    return Login(
        software=_found(r"remote software version (.+)", stderr),
        kex=_found(r"debug1: kex: algorithm: (\S+)", stderr),
        offer=_offer(stderr),
        methods=tuple(_found(r"debug1: Authentications that can continue: (\S+)", stderr).split(",")),
        before_authentication=_said_before(stderr),
        authenticated=re.search(r"^Authenticated to ", stderr, re.MULTILINE) is not None,
    )


def _found(pattern: str, text: str) -> str:
    match = re.search(pattern, text)
    return match.group(1).strip() if match else ""


def _offer(stderr: str) -> dict[str, tuple[str, ...]]:
    _, _, proposal = stderr.partition("debug2: peer server KEXINIT proposal")
    offer = {}
    for label, kind in _FIELDS.items():
        names = _found(rf"debug2: {label}: (\S+)", proposal).split(",")
        offer[kind] = tuple(name for name in names if name and name not in MARKERS)
    return offer


def _said_before(stderr: str) -> str:
    """The server's own words before the first method is tried: lines that are not the client's debugging."""
    head, tried, _ = stderr.partition("debug1: Next authentication method:")
    if not tried:
        return ""
    _, accepted, tail = head.partition("debug1: SSH2_MSG_SERVICE_ACCEPT received")
    lines = (tail if accepted else head).splitlines()
    return "\n".join(line.rstrip() for line in lines if not re.match(r"debug\d: ", line)).strip()
