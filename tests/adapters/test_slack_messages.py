"""Slack's answers as ours: one POST each, nothing posted twice, nothing told that is secret."""

import logging
from collections.abc import Iterator
from socket import gaierror
from ssl import SSLCertVerificationError
from urllib.error import URLError

import pytest

from batchbell.adapters.slack_answer import failure_for
from batchbell.domain.errors import BatchbellError, PermanentError, TransientError
from batchbell.domain.notification import (
    Accepted,
    Answer,
    Form,
    Misconfigured,
    RefusedForNow,
    Unacceptable,
    Unclear,
)
from local import slack_faults as faults
from local.slack_faults import Fault
from local.slack_simulator import CHANNEL, SlackSimulator
from tests.clock import Clock
from tests.old_slack import HELLO, POST, messages, posts


@pytest.fixture
def slack(clock: Clock) -> Iterator[SlackSimulator]:
    with SlackSimulator(clock=clock) as simulator:
        yield simulator


class Tokens:
    """The token as cached and as stored."""

    def __init__(self, cached: str, stored: str) -> None:
        self.cached, self.stored = cached, stored

    def __call__(self, afresh: bool) -> str:
        return self.stored if afresh else self.cached


def test_a_message_lands_as_it_was_rendered_and_pings_nobody(slack: SlackSimulator) -> None:
    answer = messages(slack).post(CHANNEL, HELLO, Form.BLOCKS)

    [landed] = slack.messages
    assert answer == Accepted(landed.ts, CHANNEL)
    assert landed.text == HELLO.text
    assert landed.attachments == (
        {
            "color": "#e01e5a",
            "blocks": [
                {"type": "section", "text": mrkdwn("Why."), "expand": True},
                {"type": "section", "fields": [mrkdwn("*Model*\n`gpt`"), mrkdwn("*Took*\n1 h")]},
                {"type": "context", "elements": [mrkdwn("`batch_1`")]},
            ],
        },
    )
    assert landed.metadata == {
        "event_type": "batchbell_notification",
        "event_payload": {"id": "batch_1#failed", "ids": "batch_1#failed", "team": "search"},
    }
    quiet = {"parse": "none", "link_names": False, "unfurl_links": False, "unfurl_media": False}
    assert slack.calls[0].arguments.items() >= quiet.items()


def mrkdwn(text: str) -> dict[str, object]:
    return {"type": "mrkdwn", "text": text, "verbatim": True}


def test_the_plain_form_has_no_blocks(slack: SlackSimulator) -> None:
    messages(slack).post(CHANNEL, HELLO, Form.PLAIN)

    [landed] = slack.messages
    assert (landed.text, landed.attachments) == (HELLO.plain, ())


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (faults.ratelimited(), RefusedForNow),
        (faults.error("ratelimited"), RefusedForNow),
        (faults.error("team_added_to_org"), RefusedForNow),
        (faults.html(429), RefusedForNow),
        (faults.DROPPED, Unclear),
        (faults.REPLY_LOST, Unclear),
        (faults.html(502), Unclear),
        (faults.html(200), Unclear),
        (faults.html(404), Unclear),
        (faults.error("fatal_error"), Unclear),
        (faults.error("fatal_error", takes_effect=True), Unclear),
        (faults.error("internal_error", 500), Unclear),
        (faults.error("ratelimited", 503), Unclear),
        (faults.error("some_day_a_new_error"), Unclear),
        (faults.raw(b"[1]"), Unclear),
        (faults.raw(b"null"), Unclear),
        (faults.raw(b'"ok"'), Unclear),
        (faults.raw(b""), Unclear),
        (faults.raw(b"\xff"), Unclear),
        (faults.raw(b"{}", headers={"Content-Type": "application/json; charset=klingon"}), Unclear),
        (faults.raw(b"{}", headers={"Content-Type": "application/gzip"}), Unclear),
        (faults.raw(b"{}", headers={"Content-Length": "9"}), Unclear),
        (faults.raw(b'{"ok": true}'), Unclear),
        (faults.raw(b'{"ok": true, "ts": null}'), Unclear),
        (faults.error("channel_not_found"), Misconfigured),
        (faults.error("not_in_channel"), Misconfigured),
        (faults.error("is_archived"), Misconfigured),
        (faults.error("restricted_action_read_only_channel"), Misconfigured),
        (faults.error("token_revoked"), Misconfigured),
        (faults.error("invalid_auth", 401), Misconfigured),
        (faults.error("missing_scope", needed="chat:write"), Misconfigured),
        (faults.error("invalid_blocks"), Unacceptable),
        (faults.error("invalid_attachments"), Unacceptable),
        (faults.error("msg_too_long"), Unacceptable),
        (faults.error("metadata_too_large"), Unacceptable),
    ],
)
def test_each_failure_is_the_answer_it_should_be_and_is_met_once(
    slack: SlackSimulator, fault: Fault, kind: type[Answer]
) -> None:
    slack.faults[POST].append(fault)

    answer = messages(slack).post(CHANNEL, HELLO, Form.BLOCKS)

    assert isinstance(answer, kind)
    assert posts(slack) == 1


def test_a_missing_scope_is_named(slack: SlackSimulator) -> None:
    slack.scopes.discard("chat:write")

    answer = messages(slack).post(CHANNEL, HELLO, Form.BLOCKS)

    assert answer == Misconfigured("chat.postMessage: missing_scope (needs chat:write)")


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("2", 2), ("0.5", 1), ("-3", 1), (None, 30), ("soon", 30), ("nan", 30), ("inf", 30), ("99999", 3600)],
)
def test_slack_is_left_alone_as_long_as_it_asks_within_reason(
    slack: SlackSimulator, header: str | None, seconds: float
) -> None:
    slack.faults[POST].append(faults.ratelimited(header))

    answer = messages(slack).post(CHANNEL, HELLO, Form.BLOCKS)

    assert answer == RefusedForNow("chat.postMessage: ratelimited", seconds)


def test_a_slack_that_says_nothing_is_not_waited_for_long(slack: SlackSimulator) -> None:
    slack.faults[POST].append(faults.SILENT)

    answer = messages(slack, timeout_s=1).post(CHANNEL, HELLO, Form.BLOCKS)

    assert answer == Unclear("chat.postMessage: TimeoutError")
    assert len(slack.messages) == posts(slack) == 1


def test_where_nobody_listens_nothing_was_taken() -> None:
    with SlackSimulator() as closed:
        pass

    answer = messages(closed).post(CHANNEL, HELLO, Form.BLOCKS)

    assert answer == RefusedForNow("chat.postMessage: ConnectionRefusedError", 30)


@pytest.mark.parametrize("reason", [gaierror(-2, "unknown"), SSLCertVerificationError("self-signed")])
def test_where_no_connection_was_made_nothing_was_taken(reason: OSError) -> None:
    assert isinstance(failure_for(POST, URLError(reason)), RefusedForNow)


@pytest.mark.parametrize("reason", [ConnectionResetError(), BrokenPipeError(), TimeoutError(), "unknown"])
def test_where_some_of_the_message_may_have_left_it_is_unclear(reason: OSError | str) -> None:
    assert isinstance(failure_for(POST, URLError(reason)), Unclear)


def test_a_token_stored_anew_is_taken_up(slack: SlackSimulator) -> None:
    answer = messages(slack, Tokens("xoxb-old", slack.token)).post(CHANNEL, HELLO, Form.BLOCKS)

    assert isinstance(answer, Accepted)
    assert posts(slack) == 2


def test_a_refused_token_is_not_tried_again_where_no_other_is_stored(slack: SlackSimulator) -> None:
    answer = messages(slack, Tokens("xoxb-old", "xoxb-old")).post(CHANNEL, HELLO, Form.BLOCKS)

    assert answer == Misconfigured("chat.postMessage: invalid_auth")
    assert posts(slack) == 1


@pytest.mark.parametrize("token", ["", " ", "xoxb-two\nlines", "xoxb-ümlaut", "xoxb with spaces"])
def test_a_token_that_cannot_be_sent_is_for_a_person_and_not_shown(slack: SlackSimulator, token: str) -> None:
    answer = messages(slack, lambda afresh: token).post(CHANNEL, HELLO, Form.BLOCKS)

    assert isinstance(answer, Misconfigured)
    assert "xoxb" not in answer.reason
    assert posts(slack) == 0


def test_a_line_break_after_the_token_does_no_harm(slack: SlackSimulator) -> None:
    answer = messages(slack, lambda afresh: f"{slack.token}\n").post(CHANNEL, HELLO, Form.BLOCKS)

    assert isinstance(answer, Accepted)


@pytest.mark.parametrize(
    ("error", "answer"),
    [
        (TransientError("SSM is slow"), RefusedForNow("SSM is slow", 30)),
        (PermanentError("no such parameter"), Misconfigured("no such parameter")),
    ],
)
def test_without_a_token_nothing_is_posted(
    slack: SlackSimulator, error: BatchbellError, answer: Answer
) -> None:
    def token(afresh: bool) -> str:
        raise error

    assert messages(slack, token).post(CHANNEL, HELLO, Form.BLOCKS) == answer


def test_nothing_is_logged_at_any_level(slack: SlackSimulator, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    slack.faults[POST].extend([faults.html(502), faults.DROPPED, faults.html(200)])

    for _ in range(4):
        messages(slack).post(CHANNEL, HELLO, Form.BLOCKS)

    assert caplog.messages == []
