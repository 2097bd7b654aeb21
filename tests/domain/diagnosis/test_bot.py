"""Bot: what the table says of polling and delivering."""

from dataclasses import replace

import pytest

from batchbell.domain.cursor import Leg, Position
from batchbell.domain.diagnosis.bot import (
    lane_finding,
    last_good_finding,
    parked_finding,
    undelivered_finding,
)
from batchbell.domain.outbox import Lane, Outbox
from batchbell.domain.watch import KeyTrouble, Watch
from tests.builders import NOW, a_message, a_notification

URL = "https://api.openai.com/v1"
WATCH = Watch(URL, NOW - 86_400, None, polled_at=NOW - 60)
CHANNEL = "C0SEARCH"


@pytest.mark.parametrize(
    ("watch", "code"),
    [
        (WATCH, None),
        (None, "poll.none_yet"),
        (replace(WATCH, polled_at=None), "poll.none_yet"),
        (replace(WATCH, trouble=KeyTrouble(NOW - 60, 1)), "poll.key_refused"),
        (replace(WATCH, base_url="https://elsewhere"), "poll.another_server"),
        (replace(WATCH, polled_at=NOW - 301), "poll.late"),
        (replace(WATCH, position=Position(unread=(Leg("batch_1", 0),))), "poll.unread"),
        (replace(WATCH, is_stuck=True), "poll.stuck"),
    ],
)
def test_the_last_good_poll_is_judged(watch: Watch | None, code: str | None) -> None:
    assert last_good_finding(watch, URL + "/", 60, NOW).code == code


def test_a_slower_schedule_may_be_later() -> None:
    watch = replace(WATCH, polled_at=NOW - 900)

    assert last_good_finding(watch, URL, 300, NOW).code is None


def test_news_may_wait_a_while_and_no_longer() -> None:
    fresh, old = a_notification(recorded_at=NOW - 60), a_notification(recorded_at=NOW - 3600)

    assert undelivered_finding(Outbox(), NOW).says == "Nothing is undelivered"
    assert undelivered_finding(Outbox((fresh,)), NOW).code is None
    assert undelivered_finding(Outbox((fresh, old)), NOW).code == "delivery.late"
    assert undelivered_finding(Outbox(unreadable=1), NOW).code == "delivery.unreadable"


@pytest.mark.parametrize(
    ("reason", "advice"),
    [
        ("chat.postMessage: not_in_channel", "In the channel type `/invite @bell`"),
        ("chat.postMessage: missing_scope (needs chat:write)", "add chat:write to the bot token scopes"),
        ("chat.postMessage: token_revoked", "store it with `batchbell secrets`"),
        ("chat.postMessage: invalid_blocks", "deploy a newer version"),
        ("unclear whether it was posted, and the channel's history cannot be read", "slack.history"),
        ("the parameter is not stored yet", "Mend that."),
    ],
)
def test_what_is_parked_says_why_and_what_to_do(reason: str, advice: str) -> None:
    outbox = Outbox(messages=(a_message(parked=reason), a_message()), lane=Lane(blocked=reason))

    parked, lane = parked_finding(outbox, CHANNEL, "bell"), lane_finding(outbox, CHANNEL, "bell", NOW)

    assert parked.says == f"1 notification parked: {reason}"
    assert lane.says == f"Slack last refused: {reason}"
    for each in (parked, lane):
        assert advice in (each.advice or "")
        assert "batchbell redeliver" in (each.advice or "")


def test_an_open_lane_and_an_empty_outbox_are_good() -> None:
    assert [
        parked_finding(Outbox(), CHANNEL, "bell").code,
        lane_finding(Outbox(), CHANNEL, "bell", NOW).code,
    ] == [None, None]
