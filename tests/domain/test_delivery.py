"""Delivery: what is posted as one, and what follows from each answer."""

from dataclasses import replace

import pytest

from batchbell.domain.batch import BatchError
from batchbell.domain.delivery import (
    LANDING_S,
    LONGEST_WAIT_S,
    MOST_CHARACTERS,
    PROBE_S,
    RETRY_PARKED_S,
    Outbox,
    after,
    doubtful,
    due,
    grouped,
    must_be_looked_for,
    posting,
    superseded,
)
from batchbell.domain.notification import (
    Form,
    Gone,
    KeyRefused,
    Misconfigured,
    Notification,
    RefusedForNow,
    Unacceptable,
    Unclear,
)
from tests.builders import NOW, a_batch, a_message, a_notification, some_notifications


@pytest.mark.parametrize(("ends", "messages"), [(1, 1), (5, 5), (6, 1), (20, 1), (21, 2), (120, 6)])
def test_a_few_ends_are_told_one_by_one_and_a_burst_in_digests(ends: int, messages: int) -> None:
    notifications = some_notifications(ends)

    groups = grouped(notifications)

    assert len(groups) == messages
    assert sorted(each.id for group in groups for each in group) == sorted(each.id for each in notifications)


def test_batchbells_own_troubles_are_told_alone_and_first() -> None:
    trouble = Notification("openai-key-1#refused", NOW, KeyRefused(NOW, 401))

    groups = grouped([*some_notifications(20), trouble])

    assert groups[0] == (trouble,)


def test_a_digest_never_outgrows_an_item_of_the_table() -> None:
    errors = tuple(BatchError(message="x" * 300) for _ in range(50))
    heavy = [a_notification(a_batch(f"b{n}", "failed", errors=errors)) for n in range(20)]

    groups = grouped(heavy)

    assert all(sum(len(repr(n.subject)) for n in group) <= MOST_CHARACTERS for group in groups)
    assert sum(map(len, groups)) == 20


def test_an_end_makes_what_was_owed_of_earlier_statuses_superfluous() -> None:
    early = a_notification(a_batch("b1", "in_progress"))
    other = a_notification(a_batch("b2", "in_progress"))
    end = a_notification(a_batch("b1", "completed"))
    lost = Notification("b2#gone", NOW, Gone(a_batch("b2"), NOW))

    assert superseded([early, other, end]) == {early.id}
    assert superseded([early, other, end, lost]) == {early.id, other.id}


def test_only_messages_whose_time_has_come_are_due_the_longest_waiting_first() -> None:
    waits = {"a": NOW, "b": NOW - 5, "c": NOW + 1}
    messages = tuple(a_message(id=id, next_attempt_at=at) for id, at in waits.items())

    assert [each.id for each in due(Outbox(messages=messages), NOW)] == ["b", "a"]


def test_what_waited_long_without_an_attempt_is_looked_for_first() -> None:
    fresh, old = a_notification(), a_notification(recorded_at=NOW - 3601)

    looked = [fresh, old, replace(fresh, look_first=True)]

    assert [must_be_looked_for(each, NOW) for each in looked] == [False, True, True]


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
