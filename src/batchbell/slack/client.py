"""Call Slack's Web API. `slack_sdk` is imported here and nowhere else."""

import logging
import math
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import KW_ONLY, dataclass
from fnmatch import fnmatchcase
from functools import cache, partial
from http.client import HTTPException
from pathlib import Path
from socket import gaierror
from ssl import SSLCertVerificationError
from time import time
from typing import TYPE_CHECKING, Any, TypeVar, cast
from urllib.error import URLError

from batchbell.errors import AuthenticationError, PermanentError, TransientError
from batchbell.models import Accepted, Failure, Message, PostFailure

if TYPE_CHECKING:
    from slack_sdk.web import SlackResponse

EVENT_TYPE = "batchbell_notification"

_CREDENTIAL = "account_inactive invalid_auth not_allowed_token_type not_authed token_expired token_revoked"
CREDENTIAL_ERRORS = frozenset(_CREDENTIAL.split())
"""Slack may accept another token where it answers one of these."""

_WAIT_S, _MAX_WAIT_S = 30.0, 3600.0

# The SDK does not check an answer's shape: a list in place of an object, say, is an AttributeError.
_CALL_ERRORS = (OSError, HTTPException, ValueError, LookupError, AttributeError, TypeError)
# The only ones that cannot come after the first byte of the message was sent.
_UNSENT_ERRORS = (ConnectionRefusedError, gaierror, SSLCertVerificationError)

T = TypeVar("T")


def kind_of(name: str | None, status: int = 200) -> Failure:
    """Return what the error of that name says of a message; `name` is None if the answer had none."""
    if status == 429:
        return Failure.RATE_LIMITED
    if name is None or status >= 500:
        return Failure.UNKNOWN
    matching = (kind for kind, names in _errors().items() if any(fnmatchcase(name, each) for each in names))
    return Failure(next(matching, Failure.REFUSED))


@cache
def _errors() -> dict[str, list[str]]:
    return tomllib.loads(Path(__file__).with_name("errors.toml").read_text("utf-8"))


@dataclass(frozen=True, slots=True)
class SlackClient:
    """One team's bot in a workspace. No call is repeated by itself, except with a newer token.

    `token(afresh)` returns the bot token, read anew if `afresh`. `timeout_s` bounds each wait on the network.
    All but `post` raise TransientError (no answer, or refused for now or by an unknown name), PermanentError,
    and AuthenticationError for a refused token. `code` is Slack's name for the error, None where Slack did not
    answer. No error, nor what it was raised from, holds the token or a body.
    """

    base_url: str
    token: Callable[[bool], str]
    _: KW_ONLY
    team: str
    timeout_s: int = 10
    clock: Callable[[], float] = time

    def post(self, channel: str, message: Message) -> Accepted | PostFailure:
        """Post once, and never again by itself, not even after a dropped connection."""
        method, payload = "chat.postMessage", {"id": message.ids[0], "ids": " ".join(message.ids)}
        # The metadata, by which the message is found again, can be read by anyone in the workspace.
        metadata = {"event_type": EVENT_TYPE, "event_payload": {**payload, "team": message.team}}
        arguments = {"channel": channel, **message.content, "text": message.text, "metadata": metadata}
        try:
            answer = self._call(method, self.timeout_s, arguments)
        except TransientError as error:  # the token could not be read
            return PostFailure(Failure.RATE_LIMITED, str(error), _WAIT_S)
        except PermanentError as error:
            return PostFailure(Failure.BLOCKED, str(error))
        if isinstance(answer, PostFailure):
            return answer
        if not answer.get("ts"):
            return PostFailure(Failure.UNKNOWN, f"{method}: ok without a ts")  # perhaps a proxy's answer
        return Accepted(str(answer["ts"]), str(answer.get("channel") or channel))

    def posted_ids(self, channel: str, since: float, *, deadline_at: float) -> dict[str, str]:
        """Return the ids of the notifications that our bot posted for this team since then, each with its `ts`."""
        bot_id = self._read("auth.test", lambda answer: answer.get("bot_id"), deadline_at)
        if not bot_id:
            raise PermanentError("auth.test: the token is not a bot's", code="not_a_bot_token")
        posted: dict[str, str] = {}
        method, cursors = "conversations.history", [""]
        options: dict[str, Any] = {"channel": channel, "include_all_metadata": True, "limit": 200}
        while True:
            options |= {"oldest": f"{since:.6f}", "cursor": cursors[-1] or None}
            found, cursor = self._read(method, partial(self._posted_in, bot_id), deadline_at, **options)
            posted |= found
            if cursor is None:
                return posted
            if cursor in cursors:
                raise TransientError(f"{method}: a page came twice")
            cursors.append(cursor)

    def _posted_in(self, bot_id: str, page: "SlackResponse") -> tuple[dict[str, str], str | None]:
        """Return what the page shows of us, and the next page's cursor, None after the last."""
        posted: dict[str, str] = {}
        for message in page["messages"]:
            metadata = (message.get("metadata") or {}) if message.get("bot_id") == bot_id else {}
            payload = metadata.get("event_payload") or {}
            if metadata.get("event_type") == EVENT_TYPE and payload.get("team") == self.team:
                ids = [payload.get("id", ""), *payload.get("ids", "").split()]
                posted |= dict.fromkeys(ids, str(message["ts"]))
        cursor = (page.get("response_metadata") or {}).get("next_cursor") or ""
        return posted, cursor if cursor or page.get("has_more") else None

    def identity(self) -> dict[str, Any]:
        """Return the answer of auth.test, and the token's `scopes`: None where Slack did not name them."""
        answer = self._read("auth.test", lambda answer: answer)
        granted = {name.lower(): value for name, value in answer.headers.items()}.get("x-oauth-scopes")
        scopes = None if granted is None else granted.replace(",", " ").split()
        return {**cast("dict[str, Any]", answer.data), "scopes": scopes}

    def newest_message(self, channel: str) -> dict[str, Any]:
        """Return it, empty if there is none; this needs `channels:history` or `groups:history`."""
        method = "conversations.history"
        return self._read(method, lambda page: {**(page["messages"] or [{}])[0]}, channel=channel, limit=1)

    def _read(
        self, method: str, read: "Callable[[SlackResponse], T]", deadline_at: float = math.inf, **arguments: Any
    ) -> T:
        """Return what `read` finds in the answer to a call that changes nothing. Raises: as the class."""
        left_s = deadline_at - self.clock()
        if left_s < 1:
            raise TransientError(f"{method}: no time left")
        answer = self._call(method, int(min(self.timeout_s, left_s)), arguments)
        if isinstance(answer, PostFailure):
            raise _error(answer)  # here, where no traceback shows the body
        try:
            return read(answer)
        except (AttributeError, LookupError, TypeError) as error:
            # These name types and keys, never what the answer held.
            raise TransientError(f"{method}: an answer of another shape than Slack's") from error

    def _call(self, method: str, timeout_s: int, arguments: Mapping[str, Any]) -> "SlackResponse | PostFailure":
        """Call, and once more if Slack refuses the token and another is stored. Raises if no token can be read."""
        token = self.token(False)
        answer = self._call_with(token, method, timeout_s, arguments)
        is_refused = isinstance(answer, PostFailure) and answer.code in CREDENTIAL_ERRORS
        if is_refused and (newer := self.token(True)) != token:
            return self._call_with(newer, method, timeout_s, arguments)
        return answer

    def _call_with(
        self, token: str, method: str, timeout_s: int, arguments: Mapping[str, Any]
    ) -> "SlackResponse | PostFailure":
        # Most polls post nothing, and the SDK takes long to import.
        from slack_sdk import WebClient  # noqa: PLC0415
        from slack_sdk.errors import SlackApiError, SlackClientError  # noqa: PLC0415

        if not re.fullmatch(r"[!-~]+", token.strip()):  # urllib refuses such a token as well, and shows it
            why = "the Slack bot token is empty or holds characters that no token has"
            return PostFailure(Failure.BLOCKED, why, code="invalid_auth")
        # The SDK logs bodies; a logger that getLogger does not know cannot be turned up.
        logger = logging.Logger("slack_sdk", logging.CRITICAL)  # noqa: LOG001
        # With its own retry handlers the SDK posts again when the connection drops.
        client = WebClient(token, self.base_url, timeout_s, retry_handlers=[], logger=logger)
        try:
            answer: SlackResponse = getattr(client, method.replace(".", "_"))(**arguments)
        except SlackApiError as error:
            return _failure_in(method, error.response)
        except (SlackClientError, *_CALL_ERRORS) as error:
            reason: Any = getattr(error, "reason", error)
            is_unsent = isinstance(error, URLError) and isinstance(reason, _UNSENT_ERRORS)
            text = f"{method}: {type(reason).__name__}"
            return PostFailure(Failure.RATE_LIMITED, text, _WAIT_S) if is_unsent else PostFailure(Failure.UNKNOWN, text)
        if not isinstance(answer.data, dict):
            return PostFailure(Failure.UNKNOWN, f"{method}: the answer is no object")
        return answer


def _error(failure: PostFailure) -> TransientError | PermanentError:
    """Return the error that a failed call is to a caller who does not post."""
    if failure.kind not in (Failure.BLOCKED, Failure.MALFORMED):
        return TransientError(failure.reason, code=failure.code, retry_after_s=failure.retry_after_s or None)
    kind = AuthenticationError if failure.code in CREDENTIAL_ERRORS else PermanentError
    return kind(failure.reason, code=failure.code, needed=failure.needed)


def _failure_in(method: str, response: "SlackResponse") -> PostFailure:
    """Read Slack's answer that it failed; the SDK passes on what is not JSON as well."""
    body = response.data if isinstance(response.data, dict) else {}
    code, needed = body.get("error"), body.get("needed")
    code = code if isinstance(code, str) and re.fullmatch("[a-z0-9_]{1,80}", code) else None
    needed = needed if isinstance(needed, str) and re.fullmatch("[a-z_:.,]{1,200}", needed) else None
    kind = kind_of(code, response.status_code)
    reason = f"{method}: {code or f'HTTP {response.status_code}'}" + (f" (needs {needed})" if needed else "")
    asked = response.headers.get("Retry-After", "")
    asked_s = float(asked) if re.fullmatch(r"-?\d{1,9}(\.\d+)?", asked) else _WAIT_S
    wait_s = min(max(asked_s, 1.0), _MAX_WAIT_S) if kind is Failure.RATE_LIMITED else 0
    return PostFailure(kind, reason, wait_s, code, needed)
