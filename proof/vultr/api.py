"""Requests and responses: authorisation, routing, and injected faults."""

import base64
import json
import re
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from proof.vultr import firewalls, keys, servers
from proof.vultr.account import SYSTEMS, Account, Record, RefusedError

TOO_MANY = "Rate limit reached."
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
        words: what the answer says.
        done: the request is carried out all the same, and only its answer is lost.
    """

    status: int | None
    on: str = ""
    times: int | None = None
    retry_after: int | None = None
    words: str = "Server error."
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
        return Answer(self.status, _error(self.status, TOO_MANY if waiting else self.words), waiting)


@dataclass(frozen=True)
class Route:
    """A method, the pattern of its paths, the status of success, and who answers: (account, ids..., body)."""

    method: str
    path: str
    status: int
    handler: Callable[..., Record | list[Record] | None]
    takes_body: bool = False
    lists: str = ""  # name of the items, if the answer is a page of a list


def _systems(_account: Account) -> list[Record]:
    return list(SYSTEMS)


def page(items: Sequence[Record], name: str, size: int, cursor: str) -> Record:
    """A page of a list, with the cursors of its neighbours. Raises ValueError if there is no such page."""
    start = int(base64.b64decode(cursor)) if cursor else 0
    links = {
        "next": base64.b64encode(str(start + size).encode()).decode() if start + size < len(items) else "",
        "prev": base64.b64encode(str(max(0, start - size)).encode()).decode() if start > 0 else "",
    }
    return {name: list(items[start : start + size]), "meta": {"total": len(items), "links": links}}


ROUTES: Sequence[Route] = (
    Route("GET", "/v2/os", 200, _systems, lists="os"),
    Route("GET", "/v2/instances", 200, servers.listed, lists="instances"),
    Route("POST", "/v2/instances", 202, servers.create, takes_body=True),
    Route("GET", f"/v2/instances/{GROUP}", 200, servers.get),
    Route("PATCH", f"/v2/instances/{GROUP}", 202, servers.update, takes_body=True),
    Route("DELETE", f"/v2/instances/{GROUP}", 204, servers.delete),
    Route("GET", f"/v2/instances/{GROUP}/backup-schedule", 200, servers.schedule),
    Route("POST", f"/v2/instances/{GROUP}/backup-schedule", 200, servers.set_schedule, takes_body=True),
    Route("GET", f"/v2/instances/{GROUP}/vpcs", 200, servers.networks, lists="vpcs"),
    Route("GET", f"/v2/instances/{GROUP}/vpc2", 200, servers.networks, lists="vpcs"),
    Route("GET", "/v2/firewalls", 200, firewalls.listed, lists="firewall_groups"),
    Route("POST", "/v2/firewalls", 201, firewalls.create, takes_body=True),
    Route("GET", f"/v2/firewalls/{GROUP}", 200, firewalls.get),
    Route("PUT", f"/v2/firewalls/{GROUP}", 204, firewalls.update, takes_body=True),
    Route("DELETE", f"/v2/firewalls/{GROUP}", 204, firewalls.delete),
    Route("POST", f"/v2/firewalls/{GROUP}/rules", 201, firewalls.add_rule, takes_body=True),
    Route("GET", f"/v2/firewalls/{GROUP}/rules", 200, firewalls.rules, lists="firewall_rules"),
    Route("GET", f"/v2/firewalls/{GROUP}/rules/{NUMBER}", 200, firewalls.get_rule),
    Route("DELETE", f"/v2/firewalls/{GROUP}/rules/{NUMBER}", 204, firewalls.delete_rule),
    Route("GET", "/v2/ssh-keys", 200, keys.listed, lists="ssh_keys"),
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
        self._times: deque[float] = deque()

    def answer(self, method: str, path: str, authorization: str, content: bytes) -> Answer | None:
        """The answer to a request, None if there shall be none; of a query, only where in a list it begins counts."""
        with self._lock:
            plain, _, query = path.partition("?")
            given = self._given(method, plain, authorization, content, dict(parse_qsl(query)))
            self.calls.append(Call(method, plain, given.status if given else 0))
            return given

    def _given(
        self, method: str, path: str, authorization: str, content: bytes, query: Mapping[str, str]
    ) -> Answer | None:
        if authorization != f"Bearer {self._key}":
            return Answer(401, _error(401, "Invalid API token."))
        if self._too_many():
            return Answer(429, _error(429, TOO_MANY), {"Retry-After": "1"})
        fault = next((fault for fault in self.faults if fault.strikes(f"{method} {path}")), None)
        if fault is None or fault.done:
            right = self._route(method, path, content, query)
        return right if fault is None else fault.answer()

    def _too_many(self) -> bool:
        """Whether this request is more than are answered in a second."""
        now = time.monotonic()
        while self._times and now - self._times[0] > 1:
            self._times.popleft()
        self._times.append(now)
        return len(self._times) > self.account.habits.calls_per_second

    def _route(self, method: str, path: str, content: bytes, query: Mapping[str, str]) -> Answer:
        ended = path.rpartition("/")[2] in self.account.habits.ended
        for route in () if ended else ROUTES:
            match = re.fullmatch(route.path, path)
            if match and route.method == method:
                try:
                    body: list[Any] = [json.loads(content or b"{}")] if route.takes_body else []
                    given = route.handler(self.account, *match.groups(), *body)
                    if isinstance(given, list):
                        given = page(given, route.lists, self.account.habits.page, query.get("cursor", ""))
                    return Answer(route.status, given)
                except RefusedError as error:
                    return Answer(error.status, _error(error.status, error.words))
                except ValueError as error:
                    return Answer(400, _error(400, f"Invalid request: {error}"))
        if ended:
            return Answer(404, _error(404, "Not found."))
        return Answer(404, _error(404, f"Invalid API endpoint: {method} {path}"))
