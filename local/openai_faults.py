"""Faults: what a test or a demo lets go wrong with the simulator's replies."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from threading import Lock
from typing import Any


class Kind(StrEnum):
    """What is asked: a fault may be meant for one kind only."""

    FIRST_PAGE = "first page"
    NEXT_PAGE = "next page"
    RETRIEVE = "retrieve"
    OTHER = "other"


class Cut(StrEnum):
    """Where the connection is dropped."""

    BEFORE_HEAD = "before head"
    WITHIN_BODY = "within body"


@dataclass(frozen=True, slots=True)
class Reply:
    """What is sent: after `delay_s`, with a pause of `pause_s` before each byte of the body."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    delay_s: float = 0
    pause_s: float = 0
    cut: Cut | None = None


Fault = Callable[[Reply], Reply]
"""Makes of the reply that would have been sent the one that is."""


def raw(body: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Fault:
    """Send this body instead: bytes as they are, anything else as JSON."""
    sent = body if isinstance(body, bytes) else json.dumps(body).encode()
    return lambda reply: replace(
        reply, status=status, body=sent, headers={**reply.headers, **(headers or {})}
    )


def error(status: int, code: str | None = None, headers: Mapping[str, str] | None = None) -> Fault:
    """Answer as the API does when it will not or cannot."""
    return raw(error_body(f"The server answers {status}.", code), status, headers)


def error_body(message: str, code: str | None = None, param: str | None = None) -> dict[str, Any]:
    kind = "invalid_request_error"
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}


def html(status: int = 502) -> Fault:
    return raw(b"<html><h1>Bad gateway</h1></html>", status, {"content-type": "text/html"})


def redirect(to: str, status: int = 307) -> Fault:
    return raw(b"", status, {"location": to})


def empty_page(reply: Reply) -> Reply:
    """An empty page that promises more, as some servers send."""
    empty: Any = {"object": "list", "data": [], "first_id": None, "last_id": None, "has_more": True}
    return raw(empty)(reply)


def short_pages(most: int) -> Fault:
    """Answer no more rows than so many, whatever was asked for, as some servers do."""

    def fault(reply: Reply) -> Reply:
        content = json.loads(reply.body)
        rows = content.get("data", [])
        more = {"data": rows[:most], "has_more": True} if len(rows) > most else {}
        return raw(content | more)(reply)

    return fault


def slow(delay_s: float) -> Fault:
    return lambda reply: replace(reply, delay_s=delay_s)


def trickle(pause_s: float) -> Fault:
    return lambda reply: replace(reply, pause_s=pause_s)


def cut(where: Cut) -> Fault:
    return lambda reply: replace(reply, cut=where)


class Faults:
    """Faults in waiting, each for the next `times` requests of its kind."""

    def __init__(self) -> None:
        self._waiting: list[tuple[Fault, Kind | None]] = []
        self._lock = Lock()

    def append(self, fault: Fault, on: Kind | None = None, times: int = 1) -> None:
        with self._lock:
            self._waiting += [(fault, on)] * times

    def take(self, kind: Kind) -> Fault | None:
        """The first fault meant for such a request, no longer in waiting."""
        with self._lock:
            for place, (fault, on) in enumerate(self._waiting):
                if on in (None, kind):
                    del self._waiting[place]
                    return fault
        return None
