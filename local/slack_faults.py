"""What a test or a demo lets go wrong between Slack and its caller."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from local.server import Cut, Reply


@dataclass(frozen=True, slots=True)
class Fault:
    """What goes wrong with one call.

    Slack does what it was asked if the fault `takes_effect`, and `late_s` later by the simulator's
    clock. The caller gets `reply`; if that has no body, it gets Slack's true answer.
    """

    reply: Reply = Reply()
    takes_effect: bool = False
    late_s: float = 0


DROPPED = Fault(Reply(cut=Cut.BEFORE_HEAD))
"""The connection is dropped before Slack does anything."""

REPLY_LOST = Fault(Reply(cut=Cut.BEFORE_HEAD), takes_effect=True)
"""Slack posts the message, and the connection is dropped before it answers."""

SILENT = Fault(Reply(delay_s=3600), takes_effect=True)
"""Slack posts the message, and does not answer while the caller waits."""


def lands_late(late_s: float) -> Fault:
    """The reply is lost, and the message shows only later."""
    return Fault(Reply(cut=Cut.BEFORE_HEAD), takes_effect=True, late_s=late_s)


def error(name: str, status: int = 200, *, takes_effect: bool = False, **details: str) -> Fault:
    """Slack answers with an error, whether or not it posted the message."""
    return Fault(Reply(status, json.dumps({"ok": False, "error": name, **details}).encode()), takes_effect)


def ratelimited(retry_after: str | None = "30") -> Fault:
    headers = {} if retry_after is None else {"Retry-After": retry_after}
    return Fault(Reply(429, b'{"ok": false, "error": "ratelimited"}', headers))


def html(status: int = 502) -> Fault:
    """A gateway answers with a page."""
    return Fault(Reply(status, b"<html><h1>Bad gateway</h1></html>", {"Content-Type": "text/html"}))


def raw(body: bytes, status: int = 200, headers: Mapping[str, str] | None = None) -> Fault:
    return Fault(Reply(status, body, headers or {}))
