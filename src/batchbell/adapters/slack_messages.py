"""Slack messages: posting to a channel, and seeing what was posted."""

from collections.abc import Callable, Iterator
from time import time
from typing import Any

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError
from slack_sdk.web import SlackResponse

from batchbell.adapters.slack_answer import error_name, failure_for
from batchbell.adapters.slack_blocks import EVENT_TYPE, arguments_for
from batchbell.adapters.slack_client import CALL_ERRORS, UnusableTokenError, client_for
from batchbell.domain.errors import PermanentError, TransientError
from batchbell.domain.message.rendered import Rendered
from batchbell.domain.notification import (
    Accepted,
    Answer,
    Form,
    Misconfigured,
    RefusedForNow,
    Unacceptable,
    Unclear,
)
from batchbell.domain.refusal import CREDENTIAL

_PAGE_LIMIT = 200
_TOKEN_WAIT_S = 30.0


class SlackMessages:
    """One team's messages in the channels of a workspace; `token(afresh)` is the bot token.

    `timeout_s` is for each wait on the network.
    """

    def __init__(
        self,
        base_url: str,
        token: Callable[[bool], str],
        *,
        team: str,
        timeout_s: int = 10,
        clock: Callable[[], float] = time,
    ) -> None:
        self._base_url = base_url
        self._token = token
        self._team = team
        self._timeout_s = timeout_s
        self._clock = clock

    def post(self, channel: str, rendered: Rendered, form: Form) -> Answer:
        """Post once; never again by itself, not even after a dropped connection."""
        arguments = arguments_for(rendered, form)
        try:
            posted = self._call(
                lambda client: client.chat_postMessage(channel=channel, **arguments), self._timeout_s
            )
        except TransientError as error:
            return RefusedForNow(str(error), _TOKEN_WAIT_S)
        except PermanentError as error:
            return Misconfigured(str(error))
        except CALL_ERRORS as error:
            return failure_for("chat.postMessage", error)
        if not posted.get("ts"):
            # Some proxy's "ok", perhaps: the history tells whether there is a message.
            return Unclear("chat.postMessage: ok without a ts")
        return Accepted(str(posted["ts"]), str(posted.get("channel") or channel))

    def announced(self, channel: str, since: float, *, deadline_at: float) -> dict[str, str]:
        """The `ts` by id of the notifications that our bot posted for this team since then.

        Raises: TransientError, also when time is up before the last page; PermanentError when the
        history may not be read.
        """
        bot_id = self._read("auth.test", lambda client: client.auth_test(), deadline_at).get("bot_id")
        if not bot_id:
            raise PermanentError("auth.test: the token is not a bot's")
        try:
            return {
                notification_id: str(message["ts"])
                for message in self._history(channel, since, deadline_at)
                if message.get("bot_id") == bot_id
                for notification_id in self._ids_in(message)
            }
        except (AttributeError, LookupError, TypeError) as error:
            # These name types and keys, never what the answer held.
            raise TransientError("conversations.history: an answer of another shape than Slack's") from error

    def _history(self, channel: str, since: float, deadline_at: float) -> Iterator[dict[str, Any]]:
        """The channel's messages since then, newest first, to the last page."""
        cursors = [""]
        while True:
            page = self._read(
                "conversations.history",
                lambda client: client.conversations_history(
                    channel=channel,
                    cursor=cursors[-1] or None,
                    include_all_metadata=True,
                    limit=_PAGE_LIMIT,
                    oldest=f"{since:.6f}",
                ),
                deadline_at,
            )
            yield from page["messages"]
            cursor = (page.get("response_metadata") or {}).get("next_cursor") or ""
            if not cursor and not page.get("has_more"):
                return
            if cursor in cursors:
                raise TransientError("conversations.history: its pages go round in a circle")
            cursors.append(cursor)

    def _ids_in(self, message: dict[str, Any]) -> list[str]:
        """The notifications that a message announces for this team."""
        metadata = message.get("metadata") or {}
        payload = metadata.get("event_payload") or {}
        if metadata.get("event_type") != EVENT_TYPE or payload.get("team") != self._team:
            return []
        return [payload.get("id", ""), *payload.get("ids", "").split()]

    def _read(
        self, method: str, call: Callable[[WebClient], SlackResponse], deadline_at: float
    ) -> dict[str, Any]:
        """The answer to a call that may be repeated. Raises: TransientError, PermanentError."""
        left_s = int(deadline_at - self._clock())
        if left_s < 1:
            raise TransientError(f"{method}: no time is left")
        try:
            return self._call(call, min(self._timeout_s, left_s))
        except CALL_ERRORS as error:
            failure = failure_for(method, error)
        # Raised out here, so that no traceback shows the answer's body.
        if isinstance(failure, (Misconfigured, Unacceptable)):
            raise PermanentError(failure.reason)
        wait_s = failure.retry_after_s if isinstance(failure, RefusedForNow) else None
        raise TransientError(failure.reason, wait_s)

    def _call(self, call: Callable[[WebClient], SlackResponse], timeout_s: int) -> dict[str, Any]:
        """One call; repeated once if the token was refused and a newer one is stored."""
        token = self._token(False)
        try:
            return _object_in(call(client_for(self._base_url, token, timeout_s)))
        except (SlackApiError, UnusableTokenError) as error:
            if isinstance(error, SlackApiError) and error_name(error) not in CREDENTIAL:
                raise
            refusal = error
        newer = self._token(True)
        if newer == token:
            raise refusal
        return _object_in(call(client_for(self._base_url, newer, timeout_s)))


def _object_in(response: SlackResponse) -> dict[str, Any]:
    if not isinstance(response.data, dict):
        raise ValueError("the answer is no object")  # noqa: TRY004  as the SDK does
    return response.data
