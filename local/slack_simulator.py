"""Simulator of Slack: the calls that batchbell makes, over real HTTP, with faults on demand."""

import json
import time
from collections import defaultdict, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from threading import RLock
from types import TracebackType
from typing import Any, Self

from local.slack_faults import Fault, Reply
from local.slack_history import History, Landed
from local.slack_responses import Responses, drawn
from local.slack_rules import refusal_of
from local.slack_server import Server
from local.slack_workspace import (
    ARCHIVED,
    BOT_ID,
    METHODS,
    SCOPES,
    WHO,
    channel_object,
    scope_for,
    trouble_with,
)

CHANNEL = "C0SEARCH"

_RESPONSE = "/response/"


@dataclass(frozen=True, slots=True)
class Call:
    """A request, without its token."""

    at: float
    method: str
    arguments: Mapping[str, Any]


class SlackSimulator:
    """A workspace with our bot in it.

    Set at any time: `channels` maps each id to the error that posting there answers, None for one
    that works, and `private` names those that are; `scopes` are what the bot was granted; `down`
    goes wrong with every call, `faults` with the next ones of a method. With `rate_limit` a channel
    takes one message a second.
    """

    def __init__(
        self,
        *,
        clock: Callable[[], float] = time.time,
        token: str = "xoxb-test",
        signing_secret: str = "5a1e" * 8,
        rate_limit: bool = False,
        on_message: Callable[[Landed], object] | None = None,
        port: int = 0,
    ) -> None:
        self.token = token
        self.signing_secret = signing_secret
        self.rate_limit = rate_limit
        self.scopes = set(SCOPES)
        self.channels: dict[str, str | None] = {CHANNEL: None}
        self.private: set[str] = set()
        self.faults: defaultdict[str, deque[Fault]] = defaultdict(deque)
        self.down: Fault | None = None
        self.calls: list[Call] = []
        self.clock = clock
        self._on_message = on_message
        self._history = History(clock)
        self._lock = RLock()
        self._server = Server(self.reply_to, port)
        self._url = f"http://127.0.0.1:{self._server.server_port}"
        self.base_url = f"{self._url}/api/"
        self.responses = Responses(self._history, f"{self._url}{_RESPONSE}", clock)

    def __enter__(self) -> Self:
        self._server.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._server.stop()

    @property
    def messages(self) -> list[Landed]:
        """What our bot has posted, as far as it shows by now."""
        return [each for each in self._history.showing() if each.bot_id == BOT_ID]

    @property
    def on_screen(self) -> list[Landed]:
        """What a person sees who looks at the channels now."""
        return self._history.on_screen()

    def say(self, text: str, channel: str = CHANNEL, **said: Any) -> Landed:
        """Another's message: a person's, or with a `bot_id` another bot's; or one `only_for` a person."""
        return self._history.land(channel, text=text, **said)

    def reply_to(self, method: str, arguments: dict[str, Any], token: str) -> Reply:
        """The true answer, and what a fault makes of it."""
        with self._lock:
            self.calls.append(Call(self.clock(), method, arguments))
            waiting = self.faults[method]
            fault = self.down or (waiting.popleft() if waiting else None)
            if fault is None:
                return self._answer(method, arguments, token)
            if not fault.takes_effect:
                return fault.reply
            answer = self._answer(method, arguments, token, fault.late_s)
            reply = fault.reply
            return reply if reply.body else replace(answer, sending=reply.sending, delay_s=reply.delay_s)

    def _answer(self, method: str, arguments: dict[str, Any], token: str, late_s: float = 0) -> Reply:
        if method.startswith(_RESPONSE):  # its secret stands in for a token
            return self.responses.take(method.removeprefix(_RESPONSE), arguments)
        if error := self._error_for(method, arguments, token):
            refusal = self._refusal(error, method, arguments)
            is_429 = error == "ratelimited"
            return replace(refusal, status=429, headers={"Retry-After": "1"}) if is_429 else refusal
        granted = {"x-oauth-scopes": ",".join(sorted(self.scopes))}
        if method == "auth.test":
            return _json(granted, ok=True, **WHO)
        if method == "conversations.info":
            channel = arguments["channel"]
            told = channel_object(channel, self.channels[channel], is_private=channel in self.private)
            return _json(granted, ok=True, channel=told)
        if method == "conversations.history":
            page = self._history.page(arguments)
            if self.channels[arguments["channel"]] == "is_archived" and not arguments.get("cursor"):
                page["messages"].insert(0, ARCHIVED)
            return _json(granted, ok=True, **page)
        message = self._history.land(
            arguments["channel"],
            late_s,
            bot_id=BOT_ID,
            **drawn(arguments),
            metadata=arguments.get("metadata"),
        )
        if self._on_message:
            self._on_message(message)
        return _json(granted, ok=True, channel=message.channel, ts=message.ts)

    def _error_for(self, method: str, arguments: Mapping[str, Any], token: str) -> str | None:
        """What stands against the call, in Slack's order: token, scope, channel, message, pace."""
        if token != self.token:
            return "invalid_auth" if token else "not_authed"
        if method not in METHODS:
            return "unknown_method"
        channel = str(arguments.get("channel"))
        is_private = channel in self.private
        scope = scope_for(method, is_private=is_private)
        if scope is None:
            return None
        if scope not in self.scopes:
            return "missing_scope"
        trouble = trouble_with(method, self.channels.get(channel, "channel_not_found"), is_private=is_private)
        if trouble or method != "chat.postMessage":
            return trouble
        is_too_soon = self.rate_limit and self.clock() < self._history.last_at(channel) + 1
        return refusal_of(arguments) or ("ratelimited" if is_too_soon else None)

    def _refusal(self, error: str, method: str, arguments: Mapping[str, Any]) -> Reply:
        if error != "missing_scope":
            return _json(ok=False, error=error)
        needed = scope_for(method, is_private=arguments.get("channel") in self.private)
        return _json(ok=False, error=error, needed=needed, provided=",".join(sorted(self.scopes)))


def _json(headers: Mapping[str, str] | None = None, **body: Any) -> Reply:
    return Reply(body=json.dumps(body).encode(), headers=headers or {})
