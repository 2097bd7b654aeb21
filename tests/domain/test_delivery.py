"""Delivery: what follows from each answer."""

from dataclasses import replace

from batchbell.domain.delivery import (
    LANDING_S,
    LONGEST_WAIT_S,
    PROBE_S,
    RETRY_PARKED_S,
    after,
    doubtful,
    must_be_looked_for,
    parted,
    posting,
)
from batchbell.domain.notification import (
    Form,
    Misconfigured,
    RefusedForNow,
    Unacceptable,
    Unclear,
)
from batchbell.domain.outbox import Outbox, due
from tests.builders import NOW, a_message, a_notification, some_notifications


def test_what_waited_long_without_an_attempt_is_looked_for_first() -> None:
    fresh, old = a_notification(), a_notification(recorded_at=NOW - 3601)

    looked = [fresh, old, replace(fresh, look_first=True)]

    assert [must_be_looked_for(each, NOW) for each in looked] == [False, True, True]


def test_of_a_digest_what_the_channel_shows_is_told_and_the_rest_is_posted() -> None:
    news = tuple(some_notifications(3))
    digest = a_message(id=news[0].id, notifications=news, unresolved_since=NOW)

    shown, rest = parted(digest, {news[0].id})

    assert shown is not None
    assert rest is not None
    assert (shown.notifications, rest.notifications, rest.may_be_repeat) == (news[:1], news[1:], True)
    assert parted(digest, {each.id for each in news}) == (digest, None)


def test_a_message_drawn_plainly_is_shown_by_its_first_notification_whatever_was_told_before() -> None:
    news = tuple(some_notifications(3))
    plain = a_message(id=news[0].id, notifications=news[1:], form=Form.PLAIN)

    assert parted(plain, {news[0].id})[0] is None
    assert parted(plain, {news[1].id}) == (plain, None)


BEGUN = posting(a_message(), "C1", NOW)


def test_a_message_is_of_unknown_outcome_from_before_it_is_posted() -> None:
    assert (BEGUN.unresolved_since, BEGUN.channel, BEGUN.next_attempt_at > NOW + 60) == (NOW, "C1", True)


def test_the_first_attempt_of_unknown_outcome_stays_the_one_to_look_from() -> None:
    assert posting(BEGUN, "C1", NOW + 500).unresolved_since == NOW


def test_a_refusal_for_now_is_tried_again_when_slack_says_so() -> None:
    message = after(RefusedForNow("ratelimited", 17), BEGUN, NOW)

    assert (message.next_attempt_at, message.unresolved_since) == (NOW + 17, None)


def test_an_unclear_answer_waits_for_the_message_to_show_and_longer_each_time() -> None:
    first = after(Unclear("timeout"), BEGUN, NOW)
    many = after(Unclear("timeout"), replace(BEGUN, attempts=50), NOW)

    assert (first.next_attempt_at, first.unresolved_since) == (NOW + LANDING_S, NOW)
    assert many.next_attempt_at == NOW + LONGEST_WAIT_S


def test_a_repeat_of_unclear_outcome_is_left_to_a_person() -> None:
    message = after(Unclear("timeout"), replace(BEGUN, is_blind=True), NOW)

    assert message.parked is not None
    assert (message.next_attempt_at, message.unresolved_since) == (NOW + PROBE_S, NOW)


def test_what_cannot_be_looked_up_is_posted_once_more_and_then_parked() -> None:
    once = doubtful(BEGUN, NOW)
    twice = doubtful(once, NOW)

    assert (once.may_be_repeat, once.parked) == (True, None)
    assert twice.parked is not None


def test_what_was_in_doubt_before_a_refused_repeat_is_in_doubt_again() -> None:
    repeat = doubtful(BEGUN, NOW)

    message = after(Misconfigured("token_revoked"), repeat, NOW + 60)

    assert (message.is_blind, message.unresolved_since) == (False, NOW)


def test_a_misconfigured_channel_parks_the_message_until_the_lane_opens() -> None:
    message = after(Misconfigured("not_in_channel"), BEGUN, NOW)

    assert (message.parked, message.unresolved_since) == ("not_in_channel", None)
    assert due(Outbox(messages=(message,)), NOW) == [message]


def test_a_message_that_slack_finds_faulty_is_drawn_plainly_once_and_then_parked() -> None:
    plain = after(Unacceptable("invalid_blocks"), BEGUN, NOW)
    parked = after(Unacceptable("msg_too_long"), plain, NOW)

    assert (plain.form, plain.parked) == (Form.PLAIN, None)
    assert (parked.parked, parked.next_attempt_at) == ("msg_too_long", NOW + RETRY_PARKED_S)
