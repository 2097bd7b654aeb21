"""Faults: what a test or a demo lets go wrong between Slack and its caller."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Sending(StrEnum):
    """How a reply is sent."""

    WHOLE = "whole"
    CUT = "cut"
    NEVER = "never"


@dataclass(frozen=True, slots=True)
class Reply:
    """What the caller gets, after `delay_s` real seconds."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    sending: Sending = Sending.WHOLE
    delay_s: float = 0


@dataclass(frozen=True, slots=True)
class Fault:
    """What goes wrong with one call.

    Slack does what was asked where it `takes_effect`, be it `late_s` later by the simulator's
    clock. The caller gets `reply`; where that has no body, what Slack truly answers.
    """

    reply: Reply = Reply()
    takes_effect: bool = False
    late_s: float = 0


DROPPED = Fault(Reply(sending=Sending.CUT))
"""The connection is cut before Slack did anything."""

REPLY_LOST = Fault(Reply(sending=Sending.CUT), takes_effect=True)
"""Slack did what was asked, and the connection is cut before it says so."""

SILENT = Fault(Reply(sending=Sending.NEVER), takes_effect=True)
"""Slack did what was asked, and says nothing until the caller hangs up."""


def lands_late(late_s: float) -> Fault:
    """The reply is lost, and the message shows only later."""
    return Fault(Reply(sending=Sending.CUT), takes_effect=True, late_s=late_s)


def slow(delay_s: float) -> Fault:
    return Fault(Reply(delay_s=delay_s), takes_effect=True)


def error(name: str, status: int = 200, *, takes_effect: bool = False, **details: str) -> Fault:
    """Slack says that it failed, whether or not it did."""
    body = json.dumps({"ok": False, "error": name, **details}).encode()
    return Fault(Reply(status, body), takes_effect)


def ratelimited(retry_after: str | None = "30") -> Fault:
    headers = {} if retry_after is None else {"Retry-After": retry_after}
    return Fault(Reply(429, b'{"ok": false, "error": "ratelimited"}', headers))


def html(status: int = 502) -> Fault:
    """A page from something in between."""
    return Fault(Reply(status, b"<html><h1>Bad gateway</h1></html>", {"Content-Type": "text/html"}))


def raw(body: bytes, status: int = 200, headers: Mapping[str, str] | None = None) -> Fault:
    return Fault(Reply(status, body, headers or {}))
