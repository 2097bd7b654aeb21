"""Slack is posted to once, each answer is read for what it says, and what was posted is found again."""

import json
import logging
import traceback
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from batchbell.errors import AuthenticationError, BatchbellError, PermanentError, TransientError
from batchbell.models import Accepted, Failure, PostFailure
from batchbell.slack.client import SlackClient
from local import slack_faults as faults
from local.slack_faults import Fault
from local.slack_simulator import BOT_ID, CHANNEL, PERSON_ID, SlackSimulator
from tests.builders import HELLO, NOW
from tests.clock import Clock

AUTH, POST, HISTORY = "auth.test", "chat.postMessage", "conversations.history"
SOON = NOW + 60


@pytest.fixture
def slack(clock: Clock) -> Iterator[SlackSimulator]:
    with SlackSimulator(clock=clock) as simulator:
        yield simulator


def a_client(slack: SlackSimulator, *tokens: str, **given: Any) -> SlackClient:
    """Return a client whose token is cached as the first of `tokens`, and stored as the last."""
    tokens = tokens or (slack.token,)
    given = {"team": "search", "clock": slack.clock} | given
    return SlackClient(slack.base_url, lambda afresh: tokens[-1 if afresh else 0], **given)


def posts(slack: SlackSimulator) -> int:
    return sum(call.method == POST for call in slack.calls)


def test_a_message_is_posted_as_it_is_with_its_ids_in_the_metadata(slack: SlackSimulator) -> None:
    result = a_client(slack).post(CHANNEL, HELLO)

    [message] = slack.messages
    assert result == Accepted(message.ts, CHANNEL)
    assert slack.calls[0].arguments == {
        **HELLO.content,
        "channel": CHANNEL,
        "text": HELLO.text,
        "metadata": {
            "event_type": "batchbell_notification",
            "event_payload": {"id": "batch_1#failed", "ids": "batch_1#failed", "team": "search"},
        },
    }


def named(kind: Failure, *names: str) -> list[tuple[Fault, Failure]]:
    return [(faults.error(name), kind) for name in names]


ODD_BODIES = (b"[1]", b"null", b'"ok"', b"", b"\xff", b'{"ok": true}', b'{"ok": true, "ts": null}')
RESULTS: list[tuple[Fault, Failure]] = [
    (faults.ratelimited(), Failure.RATE_LIMITED),
    (faults.html(429), Failure.RATE_LIMITED),
    *named(Failure.RATE_LIMITED, "ratelimited", "rate_limited", "message_limit_exceeded", "team_added_to_org"),
    (faults.DROPPED, Failure.UNKNOWN),
    (faults.REPLY_LOST, Failure.UNKNOWN),
    *[(faults.html(status), Failure.UNKNOWN) for status in (502, 200, 404)],
    (faults.error("fatal_error", takes_effect=True), Failure.UNKNOWN),
    (faults.error("internal_error", 500), Failure.UNKNOWN),
    (faults.error("ratelimited", 503), Failure.UNKNOWN),
    (faults.error("not_in_channel", 502), Failure.UNKNOWN),
    *named(Failure.UNKNOWN, "fatal_error", "service_unavailable", "duplicate_message_not_found", "A Name!"),
    *[(faults.raw(body), Failure.UNKNOWN) for body in ODD_BODIES],
    (faults.raw(b"{}", headers={"Content-Type": "application/json; charset=klingon"}), Failure.UNKNOWN),
    (faults.raw(b"{}", headers={"Content-Type": "application/gzip"}), Failure.UNKNOWN),
    (faults.raw(b"{}", headers={"Content-Length": "9"}), Failure.UNKNOWN),
    (faults.error("invalid_auth", 401), Failure.BLOCKED),
    *named(Failure.BLOCKED, "channel_not_found", "not_in_channel", "is_archived", "token_revoked", "team_not_found"),
    *named(Failure.BLOCKED, "restricted_action", "restricted_action_read_only_channel", "team_access_not_granted"),
    *named(Failure.BLOCKED, "external_channel_migrating", "metadata_must_be_sent_from_app", "missing_scope"),
    *named(Failure.MALFORMED, "invalid_blocks", "invalid_blocks_format", "invalid_attachments", "msg_too_long"),
    *named(Failure.MALFORMED, "attachment_payload_limit_exceeded", "metadata_too_large", "invalid_metadata_schema"),
    *named(Failure.MALFORMED, "invalid_form_data", "invalid_arg_name", "too_many_attachments"),
    *named(Failure.REFUSED, "some_day_a_new_error", "invalid_blockade", "no_text_today"),
]


@pytest.mark.parametrize(("fault", "kind"), RESULTS)
def test_each_answer_is_the_result_it_should_be_after_one_post(
    slack: SlackSimulator, fault: Fault, kind: Failure
) -> None:
    slack.faults[POST].append(fault)

    result = a_client(slack).post(CHANNEL, HELLO)

    assert isinstance(result, PostFailure)
    assert result.kind is kind
    assert posts(slack) == 1


def test_a_missing_scope_is_named(slack: SlackSimulator) -> None:
    client = a_client(slack)
    slack.scopes -= {"chat:write", "channels:history"}

    assert client.post(CHANNEL, HELLO) == PostFailure(
        Failure.BLOCKED, "chat.postMessage: missing_scope (needs chat:write)"
    )
    with pytest.raises(PermanentError, match=r"missing_scope \(needs channels:history\)") as caught:
        client.newest_message(CHANNEL)
    assert (caught.value.code, caught.value.needed) == ("missing_scope", "channels:history")


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("2", 2), ("0.5", 1), ("-3", 1), (None, 30), ("soon", 30), ("nan", 30), ("inf", 30), ("99999", 3600)],
)
def test_slack_is_left_alone_as_long_as_it_asks_within_reason(
    slack: SlackSimulator, header: str | None, seconds: float
) -> None:
    client = a_client(slack)
    slack.faults[POST].append(faults.ratelimited(header))
    slack.faults[AUTH].append(faults.ratelimited(header))

    assert client.post(CHANNEL, HELLO) == PostFailure(Failure.RATE_LIMITED, "chat.postMessage: ratelimited", seconds)
    with pytest.raises(TransientError) as caught:
        client.identity()
    assert (caught.value.code, caught.value.retry_after_s) == ("ratelimited", seconds)


def test_a_slack_that_says_nothing_is_not_waited_for_long(slack: SlackSimulator) -> None:
    slack.faults[POST].append(faults.SILENT)

    result = a_client(slack, timeout_s=1).post(CHANNEL, HELLO)

    assert result == PostFailure(Failure.UNKNOWN, "chat.postMessage: TimeoutError")
    assert len(slack.messages) == posts(slack) == 1


def test_where_no_connection_was_made_nothing_was_taken() -> None:
    with SlackSimulator() as slack:
        client = a_client(slack)
    nowhere = SlackClient("http://slack.invalid/api/", lambda afresh: "xoxb", team="search")

    assert client.post(CHANNEL, HELLO) == PostFailure(
        Failure.RATE_LIMITED, "chat.postMessage: ConnectionRefusedError", 30
    )
    assert nowhere.post(CHANNEL, HELLO) == PostFailure(Failure.RATE_LIMITED, "chat.postMessage: gaierror", 30)


def test_nothing_is_logged_at_any_level(slack: SlackSimulator, caplog: Any) -> None:
    caplog.set_level(logging.DEBUG)
    slack.faults[POST].extend([faults.html(502), faults.DROPPED, faults.html(200)])

    for _ in range(4):
        a_client(slack).post(CHANNEL, HELLO)

    assert caplog.messages == []


@pytest.mark.parametrize("cached", ["xoxb-old", "", "xoxb-two\nlines"])
def test_a_token_stored_anew_is_taken_up(slack: SlackSimulator, cached: str) -> None:
    result = a_client(slack, cached, f"{slack.token}\n").post(CHANNEL, HELLO)

    assert isinstance(result, Accepted)


UNSENDABLE = ("", " ", "xoxb-two\nlines", "xoxb-ümlaut", "xoxb with spaces")


@pytest.mark.parametrize("token", ["xoxb-old", *UNSENDABLE])
def test_a_refused_token_is_sent_once_and_one_that_cannot_be_sent_is_not_shown(
    slack: SlackSimulator, token: str
) -> None:
    result = a_client(slack, token).post(CHANNEL, HELLO)

    assert isinstance(result, PostFailure)
    assert result.kind is Failure.BLOCKED
    assert "xoxb" not in result.reason
    assert posts(slack) == ("invalid_auth" in result.reason) == (token not in UNSENDABLE)
    with pytest.raises(AuthenticationError) as caught:
        a_client(slack, token).identity()
    assert caught.value.code == "invalid_auth"
    assert len(slack.calls) == 2 * posts(slack)


@pytest.mark.parametrize(
    ("error", "result"),
    [
        (TransientError("slow"), PostFailure(Failure.RATE_LIMITED, "slow", 30)),
        (PermanentError("none"), PostFailure(Failure.BLOCKED, "none")),
    ],
)
def test_without_a_token_or_time_slack_is_not_called(
    slack: SlackSimulator, error: BatchbellError, result: PostFailure
) -> None:
    def token(afresh: bool) -> str:
        raise error

    assert SlackClient(slack.base_url, token, team="search").post(CHANNEL, HELLO) == result
    with pytest.raises(TransientError, match="no time left"):
        a_client(slack).posted_ids(CHANNEL, NOW, deadline_at=NOW)
    assert slack.calls == []


def test_only_our_own_messages_for_this_team_since_then_count(slack: SlackSimulator) -> None:
    client = a_client(slack)
    digest = replace(HELLO, ids=("batch_1#failed", "batch_2#completed"))
    client.post(CHANNEL, digest)
    [ours] = slack.messages
    slack.say("a person's", metadata=ours.metadata)
    slack.say("another bot's", bot_id="B0OTHER", metadata=ours.metadata)
    slack.say("of another kind", bot_id=BOT_ID, metadata={"event_type": "else", "event_payload": {}})
    slack.say("without any", bot_id=BOT_ID)

    found = client.posted_ids(CHANNEL, NOW - 1, deadline_at=SOON)
    assert found == {"batch_1#failed": ours.ts, "batch_2#completed": ours.ts}
    assert client.posted_ids(CHANNEL, NOW + 1, deadline_at=SOON) == {}
    assert a_client(slack, team="ads").posted_ids(CHANNEL, NOW - 1, deadline_at=SOON) == {}


def test_a_message_whose_reply_was_lost_is_found_once_it_shows_on_any_page(slack: SlackSimulator, clock: Clock) -> None:
    client = a_client(slack)
    slack.faults[POST].append(faults.lands_late(20))
    client.post(CHANNEL, HELLO)

    assert client.posted_ids(CHANNEL, NOW - 1, deadline_at=SOON) == {}
    clock.at += 21
    for n in range(450):
        slack.say(f"chat {n}")
    assert list(client.posted_ids(CHANNEL, NOW - 1, deadline_at=SOON)) == ["batch_1#failed"]
    assert [call.method for call in slack.calls] == [POST, AUTH, HISTORY, AUTH, *[HISTORY] * 3]


def ok(**body: object) -> Fault:
    return faults.raw(json.dumps({"ok": True, **body}).encode())


OURS = {"event_type": "batchbell_notification", "event_payload": {"team": "search", "id": "1", "ids": ""}}
ODD_PAGES: list[dict[str, object]] = [
    {},
    {"messages": [], "has_more": True},
    {"messages": [None]},
    {"messages": {"ts": "1"}},
    {"messages": [{"bot_id": BOT_ID, "metadata": OURS | {"event_payload": {"team": "search", "ids": 7}}}]},
    {"messages": [{"bot_id": BOT_ID, "metadata": OURS}]},
    {"messages": [{"bot_id": BOT_ID, "metadata": "text", "ts": "1"}]},
    {"messages": [], "response_metadata": "next", "has_more": True},
]


@pytest.mark.parametrize(
    ("method", "fault", "error"),
    [
        (HISTORY, faults.error("channel_not_found"), PermanentError),
        (HISTORY, faults.error("some_day_a_new_error"), TransientError),
        (HISTORY, faults.html(502), TransientError),
        (HISTORY, faults.DROPPED, TransientError),
        (AUTH, faults.html(502), TransientError),
        (AUTH, faults.error("invalid_auth"), AuthenticationError),
        (AUTH, ok(user_id="U0ALICE"), PermanentError),
        *[(HISTORY, ok(**page), TransientError) for page in ODD_PAGES],
    ],
)
def test_a_history_that_cannot_be_read_to_its_end_is_an_error_that_quotes_no_answer(
    slack: SlackSimulator, method: str, fault: Fault, error: type[BatchbellError]
) -> None:
    slack.faults[method].append(fault)

    with pytest.raises(error, match=method) as caught:
        a_client(slack).posted_ids(CHANNEL, NOW, deadline_at=SOON)

    assert "Bad gateway" not in "".join(traceback.format_exception(caught.value))


def test_a_token_is_a_bot_with_scopes(slack: SlackSimulator) -> None:
    who = a_client(slack).identity()

    assert (who["team"], who["user"], who["bot_id"]) == ("Acme", "batchbell_search", BOT_ID)
    assert who["url"] == "https://acme.slack.com/"
    assert set(who["scopes"]) == slack.scopes


BY_A_PERSON = {"type": "message", "ts": "1700000000.000000", "user": PERSON_ID}
ARCHIVED_MESSAGE = BY_A_PERSON | {"subtype": "channel_archive", "text": f"<@{PERSON_ID}> archived the channel"}


@pytest.mark.parametrize(
    ("error", "newest"),
    [
        (None, {}),
        ("not_in_channel", "not_in_channel"),
        ("is_archived", ARCHIVED_MESSAGE),
        ("channel_not_found", "channel_not_found"),
    ],
)
def test_the_newest_message_is_that_of_the_channel(slack: SlackSimulator, error: str | None, newest: object) -> None:
    slack.channels[CHANNEL] = error

    assert shown(a_client(slack).newest_message) == newest


def shown(call: Any) -> object:
    """Return what Slack shows of the channel, or its name for the error; None if it did not answer."""
    try:
        return call(CHANNEL)
    except BatchbellError as error:
        return error.code


def test_what_does_not_answer_as_slack_does_is_no_answer(slack: SlackSimulator) -> None:
    client = a_client(slack)
    slack.faults[HISTORY].append(ok(messages=[None]))
    slack.faults[AUTH].extend([faults.DROPPED, faults.html(), faults.raw(b"[]")])

    assert shown(client.newest_message) is None
    assert [shown(lambda _: client.identity()) for _ in range(3)] == [None] * 3
    assert len(slack.calls) == 4
