"""Slack workspace: who a token is, and what it may see of a channel."""

import re
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError
from slack_sdk.web import SlackResponse

from batchbell.adapters.slack_answer import error_name
from batchbell.adapters.slack_client import CALL_ERRORS, UnusableTokenError, client_for
from batchbell.domain.diagnosis.slack import Channel, Identity, Newest
from batchbell.domain.refusal import Refusal

T = TypeVar("T")

_TIMEOUT_S = 10

# Slack names a channel's last message so once it was archived.
_ARCHIVAL = ("channel_archive", "group_archive")


class SlackWorkspace:
    """The workspace that a token belongs to; every refusal is an answer, and no call is repeated."""

    def __init__(self, base_url: str, token: str) -> None:
        self._base_url = base_url
        self._token = token

    def identity(self) -> Identity | Refusal:
        """`auth.test`, and the granted scopes, which Slack tells in a header."""
        return self._call(lambda client: client.auth_test(), _identity_in)

    def channel(self, channel: str) -> Channel | Refusal:
        """`conversations.info`, which needs `channels:read` or `groups:read`."""
        return self._call(
            lambda client: client.conversations_info(channel=channel),
            lambda answer: _channel_in(answer, channel),
        )

    def newest(self, channel: str) -> Newest | Refusal:
        """`conversations.history`, of which one message is enough."""
        return self._call(lambda client: client.conversations_history(channel=channel, limit=1), _newest_in)

    def _call(
        self, call: Callable[[WebClient], SlackResponse], parse: Callable[[SlackResponse], T]
    ) -> T | Refusal:
        """What the answer says; one of another shape than Slack's is as good as none."""
        try:
            return parse(call(client_for(self._base_url, self._token, _TIMEOUT_S)))
        except UnusableTokenError:
            return Refusal("invalid_auth")
        except SlackApiError as error:
            return _refusal(error)
        except CALL_ERRORS as error:
            return Refusal(type(getattr(error, "reason", error)).__name__, is_unreachable=True)


def _identity_in(answer: SlackResponse) -> Identity:
    told = _object(answer)
    headers = {name.lower(): value for name, value in answer.headers.items()}
    return Identity(
        workspace=_text(told, "team"),
        name=_text(told, "user"),
        url=_text(told, "url"),
        is_bot=bool(told.get("bot_id")),
        scopes=_scopes(headers),
    )


def _channel_in(answer: SlackResponse, channel: str) -> Channel:
    told = _object(answer).get("channel") or {}
    return Channel(
        name=_text(told, "name") or channel,
        is_private=bool(told.get("is_private")),
        is_member=bool(told.get("is_member", True)),
        is_archived=bool(told.get("is_archived")),
    )


def _newest_in(answer: SlackResponse) -> Newest:
    messages = _object(answer).get("messages") or [{}]
    return Newest(is_archival=messages[0].get("subtype") in _ARCHIVAL)


def _refusal(error: SlackApiError) -> Refusal:
    name, status = error_name(error), error.response.status_code
    if not name:
        return Refusal(f"HTTP {status}", is_unreachable=True)
    body = error.response.data
    needed = body.get("needed") if isinstance(body, dict) else None
    is_scope = isinstance(needed, str) and re.fullmatch(r"[a-z_:.,]{1,200}", needed)
    return Refusal(name, needed=needed if is_scope else None)


def _object(answer: SlackResponse) -> dict[str, Any]:
    return answer.data if isinstance(answer.data, dict) else {}


def _text(told: Mapping[str, Any], name: str) -> str:
    value = told.get(name)
    return value[:200] if isinstance(value, str) else ""


def _scopes(headers: Mapping[str, str]) -> frozenset[str] | None:
    granted = headers.get("x-oauth-scopes")
    return None if granted is None else frozenset(each.strip() for each in granted.split(",") if each.strip())
