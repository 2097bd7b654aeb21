"""What a test or a demo lets go wrong with the OpenAI simulator's replies."""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from enum import StrEnum
from typing import Any

from local.server import Cut, Reply

Fault = Callable[[Reply], Reply]
"""Turns the reply that would have been sent into the one that is."""


class Kind(StrEnum):
    """The kind of a request: a fault may be meant for one kind only."""

    FIRST_PAGE = "first page"
    NEXT_PAGE = "next page"
    RETRIEVE = "retrieve"
    FILE = "file"
    OTHER = "other"


def raw(body: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Fault:
    """Send this body instead: bytes as they are, anything else as JSON."""
    sent = body if isinstance(body, bytes) else json.dumps(body).encode()
    return lambda reply: replace(reply, status=status, body=sent, headers={**reply.headers, **(headers or {})})


def error(status: int, code: str | None = None, headers: Mapping[str, str] | None = None) -> Fault:
    """Answer with an error in the API's form."""
    return raw(error_body(f"The server answers {status}.", code), status, headers)


def error_body(message: str, code: str | None = None, param: str | None = None) -> dict[str, Any]:
    kind = "invalid_request_error"
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}


def html(status: int = 502) -> Fault:
    return raw(b"<html><h1>Bad gateway</h1></html>", status, {"content-type": "text/html"})


def redirect(to: str, status: int = 307) -> Fault:
    return raw(b"", status, {"location": to})


def empty_page(reply: Reply) -> Reply:
    """Send an empty page that promises more, as some servers do."""
    empty = {"object": "list", "data": [], "first_id": None, "last_id": None, "has_more": True}
    return raw(empty)(reply)


def short_pages(most: int) -> Fault:
    """Send at most so many rows, whatever `limit` was, as some servers do."""

    def fault(reply: Reply) -> Reply:
        content = json.loads(reply.body)
        is_longer = len(content.get("data", [])) > most
        return raw(content | {"data": content["data"][:most], "has_more": True})(reply) if is_longer else reply

    return fault


def slow(delay_s: float) -> Fault:
    return lambda reply: replace(reply, delay_s=delay_s)


def trickle(pause_s: float) -> Fault:
    return lambda reply: replace(reply, pause_s=pause_s)


def cut(where: Cut) -> Fault:
    return lambda reply: replace(reply, cut=where)


class Faults:
    """The faults to come, each for the next `times` requests of its kind."""

    def __init__(self) -> None:
        self._to_come: list[tuple[Fault, Kind | None]] = []

    def append(self, fault: Fault, on: Kind | None = None, times: int = 1) -> None:
        self._to_come += [(fault, on)] * times

    def pop(self, kind: Kind) -> Fault | None:
        """Remove and return the first fault meant for such a request."""
        for index, (fault, on) in enumerate(self._to_come):
            if on in (None, kind):
                del self._to_come[index]
                return fault
        return None
