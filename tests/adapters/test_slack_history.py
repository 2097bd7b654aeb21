"""What was posted is found again, whatever else stands in the channel."""

import json
import traceback
from collections.abc import Iterator
from dataclasses import replace

import pytest

from batchbell.adapters.slack_blocks import EVENT_TYPE
from batchbell.domain.errors import BatchbellError, PermanentError, TransientError
from batchbell.domain.notification import Form, Unclear
from local import slack_faults as faults
from local.slack_faults import Fault
from local.slack_simulator import BOT_ID, CHANNEL, SlackSimulator
from tests.builders import NOW
from tests.clock import Clock
from tests.old_slack import HELLO, HISTORY, POST, SOON, messages

OURS = {"event_type": EVENT_TYPE, "event_payload": {"team": "search", "id": "batch_1#failed", "ids": ""}}


@pytest.fixture
def slack(clock: Clock) -> Iterator[SlackSimulator]:
    with SlackSimulator(clock=clock) as simulator:
        yield simulator


def test_a_digest_carries_all_its_ids(slack: SlackSimulator) -> None:
    digest = replace(HELLO, ids=("batch_1#failed", "batch_2#completed"))

    messages(slack).post(CHANNEL, digest, Form.BLOCKS)

    assert messages(slack).announced(CHANNEL, NOW - 1, deadline_at=SOON) == dict.fromkeys(
        digest.ids, slack.messages[0].ts
    )


def test_only_our_own_messages_for_this_team_count(slack: SlackSimulator) -> None:
    ours = messages(slack)
    ours.post(CHANNEL, HELLO, Form.BLOCKS)
    [landed] = slack.messages
    slack.say("a person's", metadata=landed.metadata)
    slack.say("another bot's", bot_id="B0OTHER", metadata=landed.metadata)
    slack.say("not ours to count", bot_id=BOT_ID, metadata={"event_type": "else", "event_payload": {}})
    slack.say("without any", bot_id=BOT_ID)

    assert ours.announced(CHANNEL, NOW - 1, deadline_at=SOON) == {"batch_1#failed": landed.ts}
    assert messages(slack, team="ads").announced(CHANNEL, NOW - 1, deadline_at=SOON) == {}


def test_what_was_posted_before_does_not_count(slack: SlackSimulator) -> None:
    messages(slack).post(CHANNEL, HELLO, Form.BLOCKS)

    assert messages(slack).announced(CHANNEL, NOW + 1, deadline_at=SOON) == {}


def test_every_page_of_the_history_is_read(slack: SlackSimulator) -> None:
    messages(slack).post(CHANNEL, HELLO, Form.BLOCKS)
    for n in range(450):
        slack.say(f"chat {n}")

    assert list(messages(slack).announced(CHANNEL, NOW - 1, deadline_at=SOON)) == ["batch_1#failed"]
    assert [call.method for call in slack.calls[1:]] == ["auth.test", HISTORY, HISTORY, HISTORY]


def test_a_message_whose_reply_was_lost_is_found(slack: SlackSimulator) -> None:
    slack.faults[POST].append(faults.REPLY_LOST)

    answer = messages(slack).post(CHANNEL, HELLO, Form.BLOCKS)

    assert isinstance(answer, Unclear)
    assert messages(slack).announced(CHANNEL, NOW - 1, deadline_at=SOON) == {
        "batch_1#failed": slack.messages[0].ts
    }


def test_a_message_that_lands_late_is_found_once_it_shows(slack: SlackSimulator, clock: Clock) -> None:
    slack.faults[POST].append(faults.lands_late(20))
    messages(slack).post(CHANNEL, HELLO, Form.BLOCKS)

    assert messages(slack).announced(CHANNEL, NOW - 1, deadline_at=SOON) == {}
    clock.at += 21
    assert list(messages(slack).announced(CHANNEL, NOW - 1, deadline_at=SOON)) == ["batch_1#failed"]


@pytest.mark.parametrize(
    ("method", "fault", "error"),
    [
        (HISTORY, faults.error("missing_scope", needed="groups:history"), PermanentError),
        (HISTORY, faults.error("channel_not_found"), PermanentError),
        (HISTORY, faults.ratelimited("7"), TransientError),
        (HISTORY, faults.html(502), TransientError),
        (HISTORY, faults.DROPPED, TransientError),
        (HISTORY, faults.raw(b'{"ok": true, "messages": [], "has_more": true}'), TransientError),
        ("auth.test", faults.html(502), TransientError),
        ("auth.test", faults.error("invalid_auth"), PermanentError),
        ("auth.test", faults.raw(b'{"ok": true, "user_id": "U0ALICE"}'), PermanentError),
    ],
)
def test_a_history_that_cannot_be_read_to_its_end_is_an_error_that_quotes_no_answer(
    slack: SlackSimulator, method: str, fault: Fault, error: type[BatchbellError]
) -> None:
    slack.faults[method].append(fault)

    with pytest.raises(error) as raised:
        messages(slack).announced(CHANNEL, NOW, deadline_at=SOON)

    assert "Bad gateway" not in "".join(traceback.format_exception(raised.value))


@pytest.mark.parametrize(
    "answer",
    [
        {"messages": [None]},
        {"messages": {"ts": "1"}},
        {
            "messages": [
                {"bot_id": BOT_ID, "metadata": OURS | {"event_payload": {"team": "search", "ids": 7}}}
            ]
        },
        {"messages": [{"bot_id": BOT_ID, "metadata": OURS}]},
        {"messages": [{"bot_id": BOT_ID, "metadata": "text", "ts": "1"}]},
        {"messages": [], "response_metadata": ["next"]},
        {"messages": [], "response_metadata": "next", "has_more": True},
    ],
)
def test_a_history_of_another_shape_is_an_error_too(slack: SlackSimulator, answer: dict[str, object]) -> None:
    slack.faults[HISTORY].append(faults.raw(json.dumps({"ok": True} | answer).encode()))

    with pytest.raises(TransientError, match=r"conversations\.history"):
        messages(slack).announced(CHANNEL, NOW, deadline_at=SOON)


def test_the_error_names_the_scope_that_is_missing(slack: SlackSimulator) -> None:
    slack.scopes.discard("channels:history")

    with pytest.raises(PermanentError, match=r"missing_scope \(needs channels:history\)"):
        messages(slack).announced(CHANNEL, NOW, deadline_at=SOON)


def test_a_wish_to_be_left_alone_is_handed_on(slack: SlackSimulator) -> None:
    slack.faults[HISTORY].append(faults.ratelimited("7"))

    with pytest.raises(TransientError) as raised:
        messages(slack).announced(CHANNEL, NOW, deadline_at=SOON)

    assert raised.value.retry_after_s == 7


def test_a_history_that_goes_round_in_a_circle_is_left(slack: SlackSimulator) -> None:
    page = b'{"ok": true, "messages": [], "response_metadata": {"next_cursor": "again"}}'
    slack.faults[HISTORY].extend([faults.raw(page)] * 3)

    with pytest.raises(TransientError, match="circle"):
        messages(slack).announced(CHANNEL, NOW, deadline_at=SOON)


def test_no_history_is_read_when_time_is_up(slack: SlackSimulator) -> None:
    with pytest.raises(TransientError, match="no time is left"):
        messages(slack).announced(CHANNEL, NOW, deadline_at=NOW)

    assert slack.calls == []
