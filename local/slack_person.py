"""Person: someone in the simulated workspace who types commands and presses buttons, signed as Slack signs."""

import hashlib
import hmac
import json
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import ProxyHandler, Request, build_opener

from local.slack_history import Landed
from local.slack_responses import Response
from local.slack_rules import elements_of, refusal_of
from local.slack_simulator import BOT_ID, CHANNEL, SlackSimulator

PATIENCE_S = 3
SLACKBOT = "USLACKBOT"
APP, TEAM = {"api_app_id": "A0BATCHBELL", "token": "verification-token"}, {"id": "T0ACME", "domain": "acme"}


class NoAnswerError(Exception):
    """The app did not answer as Slack wants; the message is Slack's word for it."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the app answered to one request."""

    status: int
    body: bytes = b""


class Person:
    """`url` is where the app is asked: `/commands` and `/interactions` are added to it."""

    user, name = "U0ADA", "ada"

    def __init__(self, slack: SlackSimulator, url: str, patience_s: float = PATIENCE_S) -> None:
        self._slack = slack
        self._patience_s = patience_s
        self._url = url.rstrip("/")

    def type(self, command: str, text: str, channel: str = CHANNEL) -> None:
        """Type a slash command. What comes of it stands in the channel, errors too."""
        try:
            self._draw(self._checked(self._post("commands", self._command(command, text, channel))), channel)
        except NoAnswerError as error:
            told = f"{command} failed with the error “{error}”"
            self._slack.say(told, channel, user=SLACKBOT, only_for=self.user)

    def press(self, ts: str, block_id: str, action_id: str, option: int | None = None) -> None:
        """Press a button, or choose one of a menu's options. Raises: NoAnswerError, LookupError."""
        message = {each.ts: each for each in self._slack.on_screen}[ts]
        payload = self._interaction(message, block_id, action_id, option)
        self._checked(self._post("interactions", {"payload": json.dumps(payload)}))

    def forge(self, command: str, text: str, channel: str = CHANNEL) -> int:
        """Send a command that is signed with another secret; the status that it is answered."""
        return self._post("commands", self._command(command, text, channel), "not-the-secret").status

    def _command(self, command: str, text: str, channel: str) -> dict[str, str]:
        return {
            **APP,
            "team_id": TEAM["id"],
            "team_domain": TEAM["domain"],
            "channel_id": channel,
            "channel_name": "search",
            "user_id": self.user,
            "user_name": self.name,
            "command": command,
            "text": text,
            "is_enterprise_install": "false",
            "response_url": self._slack.responses.hand_out(channel, self.user, BOT_ID),
            "trigger_id": uuid.uuid4().hex,
        }

    def _interaction(
        self, message: Landed, block_id: str, action_id: str, option: int | None
    ) -> dict[str, Any]:
        seen = {"type": "message", "message_ts": message.ts, "channel_id": message.channel}
        payload = {
            **APP,
            "type": "block_actions",
            "user": {"id": self.user, "username": self.name, "name": self.name, "team_id": TEAM["id"]},
            "team": TEAM,
            "enterprise": None,
            "is_enterprise_install": False,
            "channel": {"id": message.channel, "name": "search"},
            "container": {**seen, "is_ephemeral": message.only_for is not None},
            "trigger_id": uuid.uuid4().hex,
            "response_url": self._slack.responses.hand_out(message.channel, self.user, BOT_ID, message.ts),
            "actions": [_action(message, block_id, action_id, option)],
        }
        # Slack does not keep an ephemeral message, and so cannot show it to the app.
        return payload if message.only_for else {**payload, "message": message.shown(with_metadata=False)}

    def _checked(self, answer: Answer) -> bytes:
        if answer.status >= 400:
            raise NoAnswerError("http_client_error" if answer.status < 500 else "http_service_error")
        return answer.body

    def _draw(self, body: bytes, channel: str) -> None:
        """Show the answer to a command: JSON, or a text as it is."""
        if not body.strip():
            return
        try:
            said = json.loads(body)
        except ValueError:
            said = {"text": body.decode()}
        if error := refusal_of(said):
            raise NoAnswerError(error)
        self._slack.responses.put(Response(channel, self.user, BOT_ID, None, 0), said)

    def _post(self, path: str, form: Mapping[str, str], secret: str | None = None) -> Answer:
        body = urlencode(form).encode()
        headers = signature(body, secret or self._slack.signing_secret, int(time.time()))
        request = Request(f"{self._url}/{path}", body, {"User-Agent": "Slackbot 1.0", **headers})
        try:
            with build_opener(ProxyHandler({})).open(request, timeout=self._patience_s) as answer:
                return Answer(answer.status, answer.read())
        except HTTPError as refusal:
            with refusal:
                return Answer(refusal.code)
        except TimeoutError as error:
            raise NoAnswerError("operation_timeout") from error
        except OSError as error:
            raise NoAnswerError("dispatch_failed") from error


def signature(body: bytes, secret: str, at: int) -> dict[str, str]:
    """The headers by which an app knows that a body is Slack's."""
    signed = hmac.new(secret.encode(), b"v0:%d:%b" % (at, body), hashlib.sha256).hexdigest()
    return {"X-Slack-Request-Timestamp": str(at), "X-Slack-Signature": f"v0={signed}"}


def _action(message: Landed, block_id: str, action_id: str, option: int | None) -> dict[str, Any]:
    """What was pressed, as Slack tells it. Raises: LookupError."""
    attached = [block for each in message.attachments for block in each.get("blocks", ())]
    elements = [
        element
        for block in (*message.blocks, *attached)
        if block.get("block_id") == block_id
        for element in elements_of(block)
        if element.get("action_id", "") == action_id
    ]
    element = elements[0]
    told = {key: element[key] for key in ("type", "text", "value", "style") if key in element}
    chosen = {} if option is None else {"selected_option": element["options"][option]}
    return {**told, **chosen, "action_id": action_id, "block_id": block_id, "action_ts": f"{time.time():.6f}"}
