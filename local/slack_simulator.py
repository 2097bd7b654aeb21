"""A simulator of Slack: a workspace with our bot in it, and a person who types commands and presses buttons."""

import hashlib
import hmac
import json
import secrets
import time
import uuid
from base64 import b64decode, b64encode
from collections import defaultdict, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from threading import RLock
from typing import Any
from urllib.error import HTTPError
from urllib.parse import parse_qsl, urlencode, urlsplit
from urllib.request import ProxyHandler, build_opener
from urllib.request import Request as HTTPRequest

from local.server import Reply, Request, Server
from local.slack_faults import Fault
from local.slack_rules import channel_error_for, elements_of, error_for, scope_for, shown_content

CHANNEL = "C0SEARCH"
BOT_ID = "B0BATCHBELL"
SCOPES = ("chat:write", "commands", "channels:history", "groups:history")
METHODS = ("auth.test", "chat.postMessage", "conversations.history")
TEAM_ID, BOT_USER_ID, PERSON_ID = "T0ACME", "U0BATCHBELL", "U0ADA"
_WHO = {"url": "https://acme.slack.com/", "team": "Acme", "user": "batchbell_search"}
_WHO_IDS = {"team_id": TEAM_ID, "user_id": BOT_USER_ID, "bot_id": BOT_ID, "is_enterprise_install": False}
_ARCHIVED = {
    "type": "message",
    "subtype": "channel_archive",
    "ts": "1700000000.000000",
    "user": PERSON_ID,
    "text": f"<@{PERSON_ID}> archived the channel",
}
PATIENCE_S = 3
MOST_RESPONSES = 5
RESPONSE_URL_LIFETIME_S = 1800
_RESPONSE_PATH = "/response/"


@dataclass(frozen=True, slots=True)
class Message:
    """A message in a channel, visible from `at` on; an ephemeral one is `only_for` one person."""

    ts: str
    channel: str
    at: float
    text: str
    bot_id: str | None = None
    user: str | None = None
    only_for: str | None = None
    blocks: Sequence[Mapping[str, Any]] = ()
    metadata: Mapping[str, Any] | None = None

    def as_json(self, *, with_metadata: bool = False) -> dict[str, Any]:
        """Return the message as the API shows it."""
        names = ("bot_id", "user", "blocks", *(["metadata"] if with_metadata else []))
        rest = {name: value for name in names if (value := getattr(self, name))}
        return {"type": "message", "ts": self.ts, "text": self.text, **rest}


@dataclass(frozen=True, slots=True)
class Call:
    """A request, without its token."""

    at: float
    method: str
    arguments: Mapping[str, Any]


@dataclass(slots=True)
class _ResponseUrl:
    """Where an app may answer later: who asked in which channel, and at which message if by a button."""

    channel: str
    user: str
    ts: str | None
    expires_at: float
    left: int = MOST_RESPONSES


class SlackSimulator(Server):
    """A workspace with our bot in it.

    Set at any time: `channels` maps each id to the error that posting there gets, None if it
    works; `private` names the private ones; `scopes` are those of the bot; `down` is the fault of
    every call, `faults` those of the next calls of a method. With `rate_limit` a channel takes one
    message a second.
    """

    def __init__(
        self,
        *,
        clock: Callable[[], float] = time.time,
        rate_limit: bool = False,
        on_message: Callable[[Message], object] | None = None,
    ) -> None:
        super().__init__(self._reply_over_http)
        self.base_url = f"{self.url}/api/"
        self.token, self.signing_secret = "xoxb-test", "5a1e" * 8
        self.rate_limit = rate_limit
        self.scopes = set(SCOPES)
        self.channels: dict[str, str | None] = {CHANNEL: None}
        self.private: set[str] = set()
        self.faults: defaultdict[str, deque[Fault]] = defaultdict(deque)
        self.down: Fault | None = None
        self.calls: list[Call] = []
        self.clock = clock
        self._on_message = on_message
        self._posted: list[Message] = []
        self._response_urls: dict[str, _ResponseUrl] = {}
        self._lock = RLock()

    @property
    def on_screen(self) -> list[Message]:
        """What a person sees now in the channels, ephemeral messages included."""
        with self._lock:
            now = self.clock()
            return [each for each in self._posted if each.at <= now]

    @property
    def messages(self) -> list[Message]:
        """What our bot has posted, as far as it is visible by now."""
        return [each for each in self._kept() if each.bot_id == BOT_ID]

    def say(self, text: str, channel: str = CHANNEL, **fields: Any) -> Message:
        """Post as another: a person, or with a `bot_id` another bot; or `only_for` one person."""
        return self._post(channel, text=text, **fields)

    def response_url(self, channel: str, user: str, ts: str | None = None) -> str:
        """Return a new address at which an app may answer this person, at this message if one is given."""
        secret = secrets.token_urlsafe(24)
        expires_at = self.clock() + RESPONSE_URL_LIFETIME_S
        self._response_urls[secret] = _ResponseUrl(channel, user, ts, expires_at)
        return self.url + _RESPONSE_PATH + secret

    def reply_to(self, method: str, arguments: dict[str, Any], token: str) -> Reply:
        """Return the true answer, as a fault changes it."""
        with self._lock:
            self.calls.append(Call(self.clock(), method, arguments))
            to_come = self.faults[method]
            fault = self.down or (to_come.popleft() if to_come else None)
            if fault is None:
                return self._answer(method, arguments, token)
            if not fault.takes_effect:
                return fault.reply
            answer = self._answer(method, arguments, token, fault.late_s)
            reply = fault.reply
            return reply if reply.body else replace(answer, cut=reply.cut, delay_s=reply.delay_s)

    def respond(self, asked: _ResponseUrl, answer: Mapping[str, Any]) -> None:
        """Show an app's answer: in place of the message, or as a new one."""
        content = shown_content(answer)
        only_for = None if answer.get("response_type") == "in_channel" else asked.user
        with self._lock:
            index = next((index for index, each in enumerate(self._posted) if each.ts == asked.ts), None)
            if index is not None and answer.get("delete_original"):
                del self._posted[index]
            elif index is not None and answer.get("replace_original"):
                self._posted[index] = replace(self._posted[index], **content)
            else:
                self._post(asked.channel, bot_id=BOT_ID, only_for=only_for, **content)

    def _reply_over_http(self, request: Request) -> Reply:
        url = urlsplit(request.target)
        content_type = request.headers.get("content-type", "")
        arguments = arguments_from(content_type, url.query, request.body.decode())
        token = request.headers.get("authorization", "").removeprefix("Bearer ") or arguments.pop("token", "")
        reply = self.reply_to(url.path.removeprefix("/api/"), arguments, token)
        headers = {"Content-Type": "application/json; charset=utf-8", "Connection": "close"}
        return replace(reply, headers={**headers, **reply.headers})

    def _answer(self, method: str, arguments: dict[str, Any], token: str, late_s: float = 0) -> Reply:
        if method.startswith(_RESPONSE_PATH):  # its secret stands for a token
            return self._take_response(method.removeprefix(_RESPONSE_PATH), arguments)
        scopes = {"x-oauth-scopes": ",".join(sorted(self.scopes))}
        if error := self._error_for(method, arguments, token):
            needed = scope_for(method, is_private=arguments.get("channel") in self.private)
            is_scope = error == "missing_scope"
            details = {"needed": needed, "provided": scopes["x-oauth-scopes"]} if is_scope else {}
            status, headers = (429, {"Retry-After": "1"}) if error == "ratelimited" else (200, {})
            return _json(status, headers, ok=False, error=error, **details)
        if method == "auth.test":
            return _json(200, scopes, ok=True, **_WHO, **_WHO_IDS)
        channel = arguments["channel"]
        if method == "conversations.history":
            return _json(200, scopes, ok=True, **self._history_page(channel, arguments))
        metadata = arguments.get("metadata")
        message = self._post(channel, late_s, bot_id=BOT_ID, metadata=metadata, **shown_content(arguments))
        if self._on_message:
            self._on_message(message)
        return _json(200, scopes, ok=True, channel=channel, ts=message.ts)

    def _error_for(self, method: str, arguments: Mapping[str, Any], token: str) -> str | None:
        """Return the first error in Slack's order: token, scope, channel, message, rate."""
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
        posting_error = self.channels.get(channel, "channel_not_found")
        error = channel_error_for(method, posting_error, is_private=is_private)
        if error or method != "chat.postMessage":
            return error
        last_at = max((each.at for each in self._kept() if each.channel == channel), default=0)
        is_too_soon = self.rate_limit and self.clock() < last_at + 1
        return error_for(arguments) or ("ratelimited" if is_too_soon else None)

    def _history_page(self, channel: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Return the messages newest first; like Slack, without the one at `oldest`."""
        cursor, oldest = arguments.get("cursor"), float(arguments.get("oldest", 0))
        before = float(b64decode(cursor).decode().removeprefix("next_ts:") if cursor else "inf")
        kept = [each for each in self._kept() if each.channel == channel and oldest < float(each.ts) < before]
        limit = min(int(arguments.get("limit", 100)), 999)
        shown = sorted(kept, key=lambda each: float(each.ts), reverse=True)[:limit]
        with_metadata = str(arguments.get("include_all_metadata")).lower() in ("1", "true")
        messages = [each.as_json(with_metadata=with_metadata) for each in shown]
        if self.channels[channel] == "is_archived" and not cursor:
            messages.insert(0, _ARCHIVED)
        if len(kept) == len(shown):
            return {"messages": messages, "has_more": False}
        next_cursor = b64encode(f"next_ts:{shown[-1].ts}".encode()).decode()
        return {"messages": messages, "has_more": True, "response_metadata": {"next_cursor": next_cursor}}

    def _take_response(self, secret: str, answer: Mapping[str, Any]) -> Reply:
        asked = self._response_urls.get(secret)
        if asked is None or asked.expires_at < self.clock():
            return _json(404, ok=False, error="expired_url")
        if asked.left == 0:
            return _json(404, ok=False, error="used_url")
        if not answer.get("delete_original") and (error := error_for(answer)):
            return _json(400, ok=False, error=error)
        asked.left -= 1
        self.respond(asked, answer)
        return _json(ok=True)

    def _kept(self) -> list[Message]:
        """Return what Slack keeps: an ephemeral message is in no history."""
        return [each for each in self.on_screen if not each.only_for]

    def _post(self, channel: str, late_s: float = 0, **fields: Any) -> Message:
        with self._lock:
            at = self.clock() + late_s
            microseconds, taken = round(at * 1e6), {each.ts for each in self._posted}
            while (ts := f"{microseconds // 1_000_000}.{microseconds % 1_000_000:06}") in taken:
                microseconds += 1
            message = Message(ts, channel, at, **fields)
            self._posted.append(message)
            return message


def arguments_from(content_type: str, query: str, body: str) -> dict[str, Any]:
    """Return a call's arguments, sent as JSON or as a form; a form holds structures as JSON."""
    if "json" in content_type and body:
        return dict(json.loads(body))
    form = dict(parse_qsl(query) + parse_qsl(body))
    return form | {key: json.loads(form[key]) for key in ("blocks", "metadata") if key in form}


def _json(status: int = 200, headers: Mapping[str, str] | None = None, **body: Any) -> Reply:
    return Reply(status, json.dumps(body).encode(), headers or {})


class NoAnswerError(Exception):
    """The app did not answer as Slack requires; the message is Slack's name for it."""


class Person:
    """Someone in the workspace. Slack sends what they do to `url` + `/commands` or `/interactions`, signed."""

    user, name = PERSON_ID, "ada"

    def __init__(self, slack: SlackSimulator, url: str, patience_s: float = PATIENCE_S) -> None:
        self._slack = slack
        self._url = url.rstrip("/")
        self._patience_s = patience_s

    def type(self, command: str, text: str, channel: str = CHANNEL) -> None:
        """Type a slash command. Its answer, or Slack's error, appears in the channel."""
        try:
            self._show(self._checked(self._send("commands", self._command(command, text, channel))), channel)
        except NoAnswerError as error:
            text = f"{command} failed with the error “{error}”"
            self._slack.say(text, channel, user="USLACKBOT", only_for=self.user)

    def press(self, ts: str, block_id: str, action_id: str, option: int | None = None) -> None:
        """Press a button or a link, or choose an option of a menu. Raises: NoAnswerError, LookupError."""
        message = {each.ts: each for each in self._slack.on_screen}[ts]
        channel, is_ephemeral = message.channel, message.only_for is not None
        place = {"channel_id": channel, "message_ts": ts, "is_ephemeral": is_ephemeral}
        payload = {
            **self._common(channel, ts),
            "type": "block_actions",
            "user": {"id": self.user, "username": self.name, "name": self.name, "team_id": TEAM_ID},
            "team": {"id": TEAM_ID, "domain": "acme"},
            "enterprise": None,
            "is_enterprise_install": False,
            "channel": {"id": channel, "name": "search"},
            "container": {"type": "message", **place},
            "actions": [_action(message, block_id, action_id, option)],
        }
        if not is_ephemeral:  # Slack does not keep an ephemeral message, so cannot send it along
            payload["message"] = message.as_json()
        self._checked(self._send("interactions", {"payload": json.dumps(payload)}))

    def forge(self, command: str, text: str, channel: str = CHANNEL) -> int:
        """Send a command signed with another secret, and return the status of the answer."""
        return self._send("commands", self._command(command, text, channel), "not-the-secret")[0]

    def _command(self, command: str, text: str, channel: str) -> dict[str, Any]:
        team = {"team_id": TEAM_ID, "team_domain": "acme", "is_enterprise_install": "false"}
        where = {"channel_id": channel, "channel_name": "search"}
        user = {"user_id": self.user, "user_name": self.name}
        return {**self._common(channel), **team, **where, **user, "command": command, "text": text}

    def _common(self, channel: str, ts: str | None = None) -> dict[str, Any]:
        response_url, trigger_id = self._slack.response_url(channel, self.user, ts), uuid.uuid4().hex
        app = {"api_app_id": "A0BATCHBELL", "token": "verification-token"}
        return {**app, "response_url": response_url, "trigger_id": trigger_id}

    def _checked(self, answer: tuple[int, bytes]) -> bytes:
        status, body = answer
        if status != 200:
            raise NoAnswerError("http_client_error" if status < 500 else "http_service_error")
        return body

    def _show(self, body: bytes, channel: str) -> None:
        """Show the answer to a command: JSON, or a text as it is."""
        if not body.strip():
            return
        try:
            answer = json.loads(body)
        except ValueError:
            answer = {"text": body.decode()}
        if error := error_for(answer):
            raise NoAnswerError(error)
        self._slack.respond(_ResponseUrl(channel, self.user, None, 0), answer)

    def _send(self, path: str, form: Mapping[str, Any], secret: str | None = None) -> tuple[int, bytes]:
        body, at = urlencode(form).encode(), int(time.time())
        key = (secret or self._slack.signing_secret).encode()
        signature = hmac.new(key, b"v0:%d:%b" % (at, body), hashlib.sha256).hexdigest()
        headers = {"X-Slack-Request-Timestamp": str(at), "X-Slack-Signature": f"v0={signature}"}
        request = HTTPRequest(f"{self._url}/{path}", body, {"User-Agent": "Slackbot 1.0", **headers})
        try:
            with build_opener(ProxyHandler({})).open(request, timeout=self._patience_s) as answer:
                return answer.status, answer.read()
        except HTTPError as error:
            with error:
                return error.code, b""
        except TimeoutError as error:
            raise NoAnswerError("operation_timeout") from error
        except OSError as error:
            raise NoAnswerError("dispatch_failed") from error


def _action(message: Message, block_id: str, action_id: str, option: int | None) -> dict[str, Any]:
    """Return what was pressed, as Slack describes it. Raises: LookupError."""
    blocks = [block for block in message.blocks if block.get("block_id") == block_id]
    elements = [element for block in blocks for element in elements_of(block)]
    element = {each.get("action_id", ""): each for each in reversed(elements)}[action_id]
    shown = {key: element[key] for key in ("type", "text", "value", "style", "placeholder") if key in element}
    chosen = {} if option is None else {"selected_option": element["options"][option]}
    ids = {"action_id": action_id, "block_id": block_id, "action_ts": f"{time.time():.6f}"}
    return {**shown, **chosen, **ids}
