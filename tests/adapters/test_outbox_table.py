"""The outbox table: a message belongs to one delivery at a time, a channel's slot to one post."""

import pytest

from batchbell.adapters.batch_table import BatchTable
from batchbell.adapters.outbox_table import OutboxTable
from batchbell.domain.delivery import posting
from batchbell.domain.diff import Transition
from batchbell.domain.errors import StaleError, TransientError
from batchbell.domain.notification import Accepted, Message, Notification
from batchbell.domain.outbox import Lane
from batchbell.domain.record import Entry
from tests.builders import DAY_S, NOW, a_batch, a_message, a_notification, some_notifications
from tests.tables import LocalTable, throttled

CHANNEL = "C0SEARCH"


@pytest.fixture
def outbox(table: LocalTable) -> OutboxTable:
    return OutboxTable(table.opened())


def owe(table: LocalTable, *notifications: Notification) -> None:
    batches = BatchTable(table.opened())
    for each in notifications:
        assert not isinstance(each.subject, tuple)
        batch = a_batch(each.id.partition("#")[0], each.id.partition("#")[2])
        assert batches.record([Entry(Transition(batch, None, False), each)], NOW).stored


def test_what_is_owed_is_read_oldest_first(table: LocalTable, outbox: OutboxTable) -> None:
    late = a_notification(a_batch("a", "failed"), recorded_at=NOW + 1)
    early = a_notification(a_batch("b", "failed"))
    owe(table, late, early)

    assert outbox.read(CHANNEL).notifications == (early, late)


def test_claimed_notifications_become_a_message(table: LocalTable, outbox: OutboxTable) -> None:
    members = some_notifications(20)
    owe(table, *members)

    claimed = outbox.claim(posting(a_message(*members), CHANNEL, NOW))

    box = outbox.read(CHANNEL)
    assert (box.notifications, box.messages) == ((), (claimed,))


def test_of_two_deliveries_only_one_claims(table: LocalTable, outbox: OutboxTable) -> None:
    first, second = some_notifications(2)
    owe(table, first, second)
    outbox.claim(a_message(first))

    with pytest.raises(StaleError):
        outbox.claim(a_message(second, first))

    assert outbox.read(CHANNEL).notifications == (second,)


def test_of_two_deliveries_only_one_takes_a_message_up_again(table: LocalTable, outbox: OutboxTable) -> None:
    owe(table, a_notification())
    message = outbox.claim(a_message())

    outbox.update(message)

    with pytest.raises(StaleError):
        outbox.update(message)
    with pytest.raises(StaleError):
        outbox.settle(message, Accepted("1.2", CHANNEL), NOW)


def test_a_settled_message_is_gone_and_its_record_says_where_it_was_announced(
    table: LocalTable, outbox: OutboxTable
) -> None:
    owe(table, a_notification())
    message = outbox.claim(a_message())

    outbox.settle(message, Accepted("1.2", CHANNEL), NOW)

    [record] = table.items("batch#batch_1")
    said = {"status": {"S": "completed"}, "ts": {"S": "1.2"}, "channel": {"S": CHANNEL}}
    assert table.items("outbox") == []
    assert record["announced"]["L"] == [{"M": said}]
    assert record["ttl"] == {"N": str(NOW + 30 * DAY_S)}


def test_two_statuses_of_one_batch_may_be_settled_in_one_message(
    table: LocalTable, outbox: OutboxTable
) -> None:
    early = a_notification(a_batch("batch_1", "validating"))
    late = a_notification(a_batch("batch_1", "in_progress"))
    owe(table, early)
    table.client.put_item(
        TableName=table.name,
        Item=table.items("outbox")[0] | {"sk": {"S": f"notification#0{NOW}#batch_1#in_progress"}},
    )
    message = outbox.claim(a_message(early, late))

    outbox.settle(message, Accepted("1.2", CHANNEL), NOW)

    [record] = table.items("batch#batch_1")
    assert [each["M"]["status"]["S"] for each in record["announced"]["L"]] == ["validating", "in_progress"]
    assert "ttl" not in record


def test_a_channel_has_one_slot_a_second(outbox: OutboxTable) -> None:
    waits = [outbox.take_slot(CHANNEL, NOW + after_s) for after_s in (0, 0.25, 1, 1.5)]

    assert waits == [0, 0.75, 0, 0.5]


def test_a_held_channel_has_no_slot_and_a_shorter_hold_does_not_open_it(outbox: OutboxTable) -> None:
    outbox.hold(CHANNEL, NOW + 30)
    outbox.hold(CHANNEL, NOW + 10)

    assert outbox.take_slot(CHANNEL, NOW) == 30
    assert outbox.take_slot("C0OTHER", NOW) == 0


def test_a_blocked_channel_has_one_probe_at_a_time(outbox: OutboxTable) -> None:
    outbox.block(CHANNEL, "not_in_channel", NOW + 300)

    with pytest.raises(StaleError):
        outbox.take_probe(CHANNEL, NOW + 299, NOW + 599)
    outbox.take_probe(CHANNEL, NOW + 300, NOW + 600)
    with pytest.raises(StaleError):
        outbox.take_probe(CHANNEL, NOW + 300, NOW + 600)

    assert outbox.read(CHANNEL).lane == Lane(0, "not_in_channel", NOW + 600)
    outbox.unblock(CHANNEL)
    assert outbox.read(CHANNEL).lane == Lane()


def test_what_a_newer_version_wrote_is_counted_and_left_alone(table: LocalTable, outbox: OutboxTable) -> None:
    owe(table, a_notification())
    newer = {
        "pk": {"S": "outbox"},
        "sk": {"S": "notification#1#x"},
        "body": {"S": '{"subject":{"kind":"new"}}'},
    }
    table.client.put_item(TableName=table.name, Item=newer)

    box = outbox.read(CHANNEL)

    assert (box.notifications, box.unreadable) == ((a_notification(),), 1)
    assert newer in table.items("outbox")


def test_reading_a_failing_table_is_a_transient_error(table: LocalTable, outbox: OutboxTable) -> None:
    table.before = throttled

    with pytest.raises(TransientError, match="read the outbox: ThrottlingException"):
        outbox.read(CHANNEL)


def test_a_message_is_kept_whole(table: LocalTable, outbox: OutboxTable) -> None:
    owe(table, a_notification())
    message = Message(
        id="batch_1#completed",
        notifications=(a_notification(),),
        next_attempt_at=NOW + 0.5,
        attempts=3,
        channel=CHANNEL,
        unresolved_since=NOW,
        parked="why",
        may_be_repeat=True,
    )

    claimed = outbox.claim(message)

    assert outbox.read(CHANNEL).messages == (claimed,)
