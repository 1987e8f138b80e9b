"""Requests and responses: authorisation, routing, and injected faults."""

import json
import re
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from proof.vultr import firewalls, keys, servers
from proof.vultr.account import SYSTEMS, Account, Record, RefusedError

GROUP, NUMBER = "([0-9a-f-]{36})", "([0-9]+)"


@dataclass(frozen=True)
class Answer:
    """What is sent back; `body` is None if the answer has none."""

    status: int
    body: Record | None = None
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def content(self) -> bytes:
        """The body as it goes over the wire."""
        return b"" if self.body is None else json.dumps(self.body, separators=(",", ":")).encode()


@dataclass(frozen=True)
class Call:
    """A request that came in: `status` is what it was answered, 0 if it never was."""

    method: str
    path: str
    status: int

    def __str__(self) -> str:
        return f"{self.method} {self.path} -> {self.status or 'no answer'}"


@dataclass
class Fault:
    """Something that goes wrong.

    Args:
        status: what is answered; None if nothing ever is.
        on: pattern of the requests concerned, such as `POST /v2/instances$`.
        times: how often it happens; None means always.
        retry_after: seconds to wait, as the answer tells.
        done: the request is carried out all the same, and only its answer is lost.
    """

    status: int | None
    on: str = ""
    times: int | None = None
    retry_after: int | None = None
    done: bool = False

    def strikes(self, request: str) -> bool:
        """Whether this request meets the fault; counts it."""
        if self.times == 0 or not re.search(self.on, request):
            return False
        if self.times is not None:
            self.times -= 1
        return True

    def answer(self) -> Answer | None:
        """What the client gets to see."""
        if self.status is None:
            return None
        waiting = {"Retry-After": str(self.retry_after)} if self.retry_after is not None else {}
        return Answer(self.status, _error(self.status, "Rate limit reached." if waiting else "Server error."), waiting)


@dataclass(frozen=True)
class Route:
    """A method, the pattern of its paths, the status of success, and who answers: (account, ids..., body)."""

    method: str
    path: str
    status: int
    handler: Callable[..., Record | None]
    takes_body: bool = False


def _systems(_account: Account) -> Record:
    return {"os": list(SYSTEMS), "meta": {"total": len(SYSTEMS), "links": {"next": "", "prev": ""}}}


ROUTES: Sequence[Route] = (
    Route("GET", "/v2/os", 200, _systems),
    Route("GET", "/v2/instances", 200, servers.listed),
    Route("POST", "/v2/instances", 202, servers.create, takes_body=True),
    Route("GET", f"/v2/instances/{GROUP}", 200, servers.get),
    Route("PATCH", f"/v2/instances/{GROUP}", 202, servers.update, takes_body=True),
    Route("DELETE", f"/v2/instances/{GROUP}", 204, servers.delete),
    Route("GET", f"/v2/instances/{GROUP}/backup-schedule", 200, servers.schedule),
    Route("POST", f"/v2/instances/{GROUP}/backup-schedule", 200, servers.set_schedule, takes_body=True),
    Route("GET", f"/v2/instances/{GROUP}/vpcs", 200, servers.networks),
    Route("GET", f"/v2/instances/{GROUP}/vpc2", 200, servers.networks),
    Route("POST", "/v2/firewalls", 201, firewalls.create, takes_body=True),
    Route("GET", f"/v2/firewalls/{GROUP}", 200, firewalls.get),
    Route("PUT", f"/v2/firewalls/{GROUP}", 204, firewalls.update, takes_body=True),
    Route("DELETE", f"/v2/firewalls/{GROUP}", 204, firewalls.delete),
    Route("POST", f"/v2/firewalls/{GROUP}/rules", 201, firewalls.add_rule, takes_body=True),
    Route("GET", f"/v2/firewalls/{GROUP}/rules", 200, firewalls.rules),
    Route("GET", f"/v2/firewalls/{GROUP}/rules/{NUMBER}", 200, firewalls.get_rule),
    Route("DELETE", f"/v2/firewalls/{GROUP}/rules/{NUMBER}", 204, firewalls.delete_rule),
    Route("POST", "/v2/ssh-keys", 201, keys.create, takes_body=True),
    Route("GET", f"/v2/ssh-keys/{GROUP}", 200, keys.get),
    Route("PATCH", f"/v2/ssh-keys/{GROUP}", 204, keys.update, takes_body=True),
    Route("DELETE", f"/v2/ssh-keys/{GROUP}", 204, keys.delete),
)


def _error(status: int, words: str) -> Record:
    return {"error": words, "status": status}


class Api:
    """The API of one account; safe to be asked by several threads.

    Args:
        key: the one API key that is let in.
        account: what the account holds; changed by requests.
    """

    def __init__(self, key: str, account: Account) -> None:
        self._key = key
        self._lock = threading.Lock()
        self.account = account
        self.faults: list[Fault] = []
        self.calls: list[Call] = []

    def answer(self, method: str, path: str, authorization: str, content: bytes) -> Answer | None:
        """The answer to a request, None if there shall be none; the query of `path` is of no account here."""
        with self._lock:
            plain = path.partition("?")[0]
            given = self._given(method, plain, authorization, content)
            self.calls.append(Call(method, plain, given.status if given else 0))
            return given

    def _given(self, method: str, path: str, authorization: str, content: bytes) -> Answer | None:
        if authorization != f"Bearer {self._key}":
            return Answer(401, _error(401, "Invalid API token."))
        fault = next((fault for fault in self.faults if fault.strikes(f"{method} {path}")), None)
        if fault is None or fault.done:
            right = self._route(method, path, content)
        return right if fault is None else fault.answer()

    def _route(self, method: str, path: str, content: bytes) -> Answer:
        for route in ROUTES:
            match = re.fullmatch(route.path, path)
            if match and route.method == method:
                try:
                    body: list[Any] = [json.loads(content or b"{}")] if route.takes_body else []
                    return Answer(route.status, route.handler(self.account, *match.groups(), *body))
                except RefusedError as error:
                    return Answer(error.status, _error(error.status, error.words))
                except ValueError as error:
                    return Answer(400, _error(400, f"Invalid JSON: {error}"))
        return Answer(404, _error(404, f"Invalid API endpoint: {method} {path}"))
