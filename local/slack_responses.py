"""Responses: the addresses at which an app may answer a person later, and what each has left."""

import json
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from local.slack_faults import Reply
from local.slack_history import History
from local.slack_rules import elements_of, refusal_of

MOST_USES = 5
LIFETIME_S = 1800


@dataclass(slots=True)
class Response:
    """One address: who asked where, at which message if it was a button's."""

    channel: str
    user: str
    bot_id: str
    ts: str | None
    expires_at: float
    left: int = MOST_USES


class Responses:
    """Every address that was handed out."""

    def __init__(self, history: History, url: str, clock: Callable[[], float]) -> None:
        self._history = history
        self._url = url
        self._clock = clock
        self._open: dict[str, Response] = {}

    def hand_out(self, channel: str, user: str, bot_id: str, ts: str | None = None) -> str:
        secret = secrets.token_urlsafe(24)
        self._open[secret] = Response(channel, user, bot_id, ts, self._clock() + LIFETIME_S)
        return self._url + secret

    def take(self, secret: str, said: Mapping[str, Any]) -> Reply:
        """What Slack does with what is posted there, and what it answers."""
        response = self._open.get(secret)
        if response is None or response.expires_at < self._clock():
            return _refusal(404, "expired_url")
        if response.left == 0:
            return _refusal(404, "used_url")
        if not said.get("delete_original") and (error := refusal_of(said)):
            return _refusal(400, error)
        response.left -= 1
        self.put(response, said)
        return Reply(body=b'{"ok":true}')

    def put(self, response: Response, said: Mapping[str, Any]) -> None:
        """Draw what an app said: in place of the message, or as a new one."""
        if response.ts and said.get("delete_original"):
            self._history.remove(response.ts)
        elif response.ts and said.get("replace_original"):
            self._history.change(response.ts, **drawn(said))
        else:
            only_for = None if said.get("response_type") == "in_channel" else response.user
            self._history.land(response.channel, bot_id=response.bot_id, only_for=only_for, **drawn(said))


def drawn(said: Mapping[str, Any]) -> dict[str, Any]:
    """What is seen of a message. Slack gives an id to each block in which something can be pressed."""
    attachments = tuple(
        {**each, "blocks": _named(each["blocks"], f"a{place}")} if "blocks" in each else each
        for place, each in enumerate(said.get("attachments") or ())
    )
    blocks = tuple(_named(said.get("blocks") or (), "b"))
    return {"text": said.get("text") or "", "blocks": blocks, "attachments": attachments}


def _named(blocks: Any, prefix: str) -> list[Mapping[str, Any]]:
    return [
        {"block_id": f"{prefix}{place}", **block} if elements_of(block) else block
        for place, block in enumerate(blocks)
    ]


def _refusal(status: int, error: str) -> Reply:
    return Reply(status, json.dumps({"ok": False, "error": error}).encode())
