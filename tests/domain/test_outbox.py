"""Outbox: what is posted as one, what is due, and what need not be told any more."""

import pytest

from batchbell.domain.batch import BatchError
from batchbell.domain.notification import Gone, KeyRefused, Notification
from batchbell.domain.outbox import MOST_CHARACTERS, Outbox, due, grouped, superseded
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
