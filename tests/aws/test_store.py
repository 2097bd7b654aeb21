"""The store: a change and its notification are written together, or neither; of two runs one is first."""

from dataclasses import replace

import pytest

from batchbell.aws.store import Store
from batchbell.errors import ConflictError, PermanentError
from batchbell.models import BatchError, ErrorSummary, Notification, RequestCounts
from batchbell.records import Change, Outbox, Record, Recorded, RecordResult
from tests.builders import DAY_S, NOW, a_batch, a_notification, a_state, some_notifications
from tests.clock import Clock
from tests.tables import FastTable, LocalTable

CHANNEL = "C0SEARCH"
SCOPE = a_state().scope
CREATED = f"0{NOW - 3600}"


@pytest.fixture
def store(table: LocalTable) -> Store:
    return Store(table.client, table.name, retention_s=30 * DAY_S, sleep=lambda seconds: None)


def a_change(
    status: str = "completed", old_status: str | None = None, *, batch_id: str = "batch_1", **fields: object
) -> Change:
    """A change that is announced, unless `fields` say otherwise."""
    batch = a_batch(batch_id, status)
    return replace(Change(batch, old_status, a_notification(batch)), **fields)  # type: ignore[arg-type]


def record(store: Store, *changes: Change, scope: str = SCOPE, now: int = NOW) -> None:
    assert store.record(changes, scope, now).stored == list(changes)


def announce(store: Store, *notifications: Notification) -> list[Notification]:
    """Put these into the outbox; as they are read from there."""
    for each in notifications:
        assert not isinstance(each.subject, tuple)
        record(store, Change(each.subject, None, each))  # type: ignore[arg-type]
    return list(store.outbox(CHANNEL).notifications)


def ttl(table: LocalTable, batch_id: str = "batch_1") -> int | None:
    [item] = table.items(f"batch#{batch_id}")
    return int(item["ttl"]["N"]) if "ttl" in item else None


# Records


def test_a_second_poll_writes_nothing_and_learns_what_the_first_recorded(store: Store) -> None:
    change, late = a_change(), a_change("failed")
    record(store, change)

    result = store.record([late], SCOPE, NOW + 1)

    position, counts = f"{CREATED}#batch_1", RequestCounts(10, 10, 0)
    recorded = Recorded("completed", position, a_batch().expires_at, counts, frozenset({"completed"}))
    assert result == RecordResult(conflicts=[(late, recorded)])
    assert store.find("batch_1") == Record(change.batch, position)
    assert store.outbox(CHANNEL) == Outbox((a_notification(),))


def test_one_conflict_does_not_keep_the_other_changes_from_being_recorded(store: Store) -> None:
    record(store, a_change("in_progress"), a_change("in_progress", batch_id="batch_2"))
    record(store, a_change("finalizing", "in_progress", notification=None))
    conflicts = [
        a_change("in_progress", "finalizing"),  # it was announced
        a_change("completed", "in_progress", batch_id="batch_unrecorded"),
        a_change("failed", batch_id="batch_2"),
        a_change(batch_id="batch_3"),  # it is on the page twice
    ]
    fine = [a_change(batch_id=f"batch_{n}") for n in range(3, 7)]

    result = store.record([*fine, *conflicts], SCOPE, NOW)

    assert (result.stored, [change for change, _ in result.conflicts]) == (fine, conflicts)
    assert len(store.outbox(CHANNEL).notifications) == 2 + len(fine)


def test_what_the_table_will_never_take_is_rejected_and_the_others_are_recorded(store: Store) -> None:
    errors = tuple(BatchError(message="x" * 1000) for _ in range(500))
    huge = replace(a_change(batch_id="batch_huge"), batch=a_batch("batch_huge", "failed", errors=errors))
    fine = [a_change(batch_id="batch_1"), a_change(batch_id="batch_2")]

    result = store.record([fine[0], huge, fine[1]], SCOPE, NOW)

    assert result == RecordResult(stored=fine, rejected=[huge])


def test_a_record_past_its_time_to_live_counts_as_none(store: Store) -> None:
    record(store, a_change(notification=None))
    change = a_change("in_progress", notification=None)

    in_time, late = NOW + 29 * DAY_S, NOW + 31 * DAY_S

    assert [len(store.recorded(["batch_1"], now)) for now in (in_time, late)] == [1, 0]
    assert store.record([change], SCOPE, in_time).conflicts
    assert store.record([change], SCOPE, late).stored == [change]


def test_only_the_record_of_an_end_that_is_sent_or_not_announced_may_expire(table: LocalTable, store: Store) -> None:
    timeless = replace(a_batch("batch_timeless", "failed"), created_at=None, failed_at=None)
    record(store, a_change("in_progress", batch_id="batch_silent", notification=None), Change(timeless, None))
    record(store, a_change("completed", "in_progress", batch_id="batch_silent", notification=None))
    record(store, a_change("in_progress", batch_id="batch_open"), a_change(batch_id="batch_sent"))
    announced = store.outbox(CHANNEL).notifications
    record(store, a_change(batch_id="batch_waits"))

    store.remove(announced, sent_at=NOW + 9)

    names = ("silent", "sent", "open", "waits", "timeless")
    assert [ttl(table, f"batch_{each}") for each in names] == [NOW + 30 * DAY_S, NOW + 9 + 30 * DAY_S, *[None] * 3]


# Open batches


def test_open_and_deleted_batches_of_a_scope_are_found_oldest_first(store: Store) -> None:
    late = Change(a_batch("batch_late", created_at=NOW, request_counts=RequestCounts(10, 3, 1)), None)
    record(store, late, a_change("in_progress", batch_id="batch_b"), a_change("in_progress"))
    record(store, a_change("completed", batch_id="batch_ended", notification=None))
    record(store, a_change("in_progress", batch_id="batch_elsewhere"), scope="https://other.example -")
    store.set_missing("batch_b", "in_progress", NOW)
    gone = Change(a_batch("batch_b", "gone"), "in_progress", missing_since=NOW)
    record(store, gone)

    recorded = store.open_batches(SCOPE)

    expires_at, announced = a_batch().expires_at, frozenset({"in_progress"})
    first = Recorded("in_progress", f"{CREATED}#batch_1", expires_at, announced=announced, scope=SCOPE)
    last = Recorded("in_progress", f"0{NOW}#batch_late", expires_at, RequestCounts(10, 3, 1), scope=SCOPE)
    deleted = replace(first, status="gone", position=f"{CREATED}#batch_b", missing_since=NOW)
    assert list(recorded.items()) == [("batch_1", first), ("batch_b", deleted), ("batch_late", last)]
    assert store.recorded(recorded, NOW) == recorded


def test_a_batch_is_deleted_only_on_condition_of_its_first_404(store: Store) -> None:
    record(store, a_change("in_progress", notification=None))
    gone = Change(a_batch(status="gone"), "in_progress", missing_since=NOW)

    before = store.record([gone], SCOPE, NOW).conflicts
    with pytest.raises(ConflictError):
        store.set_missing("batch_1", "finalizing", NOW)
    store.set_missing("batch_1", "in_progress", NOW)
    other = store.record([replace(gone, missing_since=NOW - 1)], SCOPE, NOW).conflicts

    assert (len(before), len(other)) == (1, 1)
    assert store.record([gone], SCOPE, NOW).stored == [gone]


# Lists of records


def test_records_are_listed_newest_first_page_by_page(table: LocalTable, store: Store) -> None:
    record(store, *(Change(a_batch(f"batch_{n}", created_at=NOW + n), None) for n in range(5)))
    key = {"pk": {"S": "batch#batch_newer_version"}, "sk": {"S": "record"}}
    unreadable = {"kind": {"S": "batch"}, "created": {"S": "0"}, "status": {"S": "failed"}, "body": {"S": "{"}}
    table.client.put_item(TableName=table.name, Item={**key, **unreadable})

    newest = store.list_records("all", 2, now=NOW)
    older = store.list_records("all", 2, older_than=newest.records[-1].position, now=NOW)
    oldest = store.list_records("all", 2, older_than=older.records[-1].position, now=NOW)
    newer = store.list_records("all", 2, newer_than=older.records[0].position, now=NOW)

    shown = [
        ("".join(each.batch.id[-1] for each in page.records), page.has_newer, page.has_older)
        for page in (newest, older, oldest, newer)
    ]
    # The last is older than any other, and one that this version cannot read.
    assert shown == [("43", False, True), ("21", True, True), ("0", True, False), ("43", False, True)]


def test_records_are_listed_by_status(store: Store) -> None:
    partly = a_batch("partly", "completed", request_counts=RequestCounts(10, 7, 3))
    record(store, Change(partly, None), *(a_change(each, batch_id=each) for each in ("completed", "failed")))
    record(store, a_change("in_progress", batch_id="open"), a_change("in_progress", batch_id="gone"))
    store.set_missing("gone", "in_progress", NOW)
    record(store, Change(a_batch("gone", "gone"), "in_progress", missing_since=NOW))
    record(store, a_change("in_progress", batch_id="elsewhere"), scope="https://other.example -")
    record(store, a_change("expired", batch_id="expired"))
    record(store, a_change("failed", batch_id="forgotten", notification=None), now=NOW - 31 * DAY_S)

    listed = {
        status: {each.batch.id for each in store.list_records(status, 9, scope=SCOPE, now=NOW).records}
        for status in ("all", "open", "failed", "problems", "completed", "cancelled")
    }

    assert listed == {
        "all": {"partly", "completed", "failed", "open", "gone", "elsewhere", "expired"},
        "open": {"open"},
        "failed": {"partly", "failed"},
        "problems": {"partly", "failed", "expired"},
        "completed": {"partly", "completed"},
        "cancelled": set(),
    }


# The poll state


def test_of_two_polls_that_read_one_state_only_one_writes_it(store: Store) -> None:
    state = store.save_state(a_state(version=0))
    saved = store.save_state(replace(state, polled_at=NOW))

    with pytest.raises(ConflictError):
        store.save_state(replace(state, polled_at=NOW + 1), [a_notification()])

    assert (store.load_state(), store.outbox(CHANNEL)) == (saved, Outbox())


def test_a_state_that_cannot_be_read_is_an_error_and_no_new_baseline(table: LocalTable, store: Store) -> None:
    body = {"pk": {"S": "state"}, "sk": {"S": "state"}, "body": {"S": "{"}}
    table.client.put_item(TableName=table.name, Item=body)

    with pytest.raises(PermanentError, match="cannot read the poll state"):
        store.load_state()


EXPLAINED = replace(a_batch(status="completed"), error_summary=ErrorSummary((("rate_limit_exceeded", 3),), lines=3))


@pytest.mark.parametrize("is_announced", [True, False])
def test_reasons_are_added_to_the_record_and_the_notification_and_nothing_else_changes(
    table: LocalTable, store: Store, is_announced: bool
) -> None:
    change = a_change() if is_announced else a_change(notification=None)
    record(store, change)
    [before] = table.items("batch#batch_1")

    store.add_error_summary(EXPLAINED, change.notification)

    [after] = table.items("batch#batch_1")
    assert store.find("batch_1") == Record(EXPLAINED, f"{CREATED}#batch_1")
    assert {**after, "body": None} == {**before, "body": None}
    expected = (replace(a_notification(EXPLAINED), version=1),) if is_announced else ()
    assert store.outbox(CHANNEL).notifications == expected


def test_reasons_are_not_added_to_what_another_run_has_changed(table: LocalTable, store: Store) -> None:
    change = a_change()
    [announced] = announce(store, a_notification(change.batch))
    before = store.find("batch_1")
    for act in (lambda: store.save([announced]), lambda: store.remove(store.outbox(CHANNEL).notifications, NOW)):
        act()
        with pytest.raises(ConflictError):
            store.add_error_summary(EXPLAINED, announced)

    with pytest.raises(ConflictError):
        store.add_error_summary(replace(EXPLAINED, status="failed"), None)
    assert (store.find("batch_1"), store.outbox(CHANNEL).notifications) == (before, ())


# The outbox


def test_of_two_deliveries_only_one_takes_the_notifications_of_a_message(store: Store) -> None:
    first, second = announce(store, *some_notifications(2))

    taken = store.save([first])

    for write in (store.save, store.remove):
        with pytest.raises(ConflictError):
            write([second, first])
    assert set(store.outbox(CHANNEL).notifications) == {*taken, second}


# Channels


def test_a_channel_has_one_turn_a_second_and_no_hold_shortens_another(store: Store) -> None:
    waits = [store.take_turn(CHANNEL, NOW + after_s, 1) for after_s in (0, 0.25, 1, 1.5)]
    store.hold(CHANNEL, NOW + 30)
    store.hold(CHANNEL, NOW + 10)

    assert waits == [0, 0.75, 0, 0.5]
    assert store.outbox(CHANNEL).not_before == NOW + 30
    assert [store.take_turn(each, NOW, 1) for each in (CHANNEL, "C0OTHER")] == [30, 0]


def test_the_state_of_a_channel_is_read_however_much_waits(clock: Clock) -> None:
    with FastTable(clock) as table:
        store = Store(table.client, table.name, sleep=clock.sleep)
        store.set_channel(CHANNEL, NOW + 300, "not_in_channel")
        announce(store, a_notification())
        [(key, item)] = [each for each in table.memory.items.items() if "batch_1" in each[0][1]]
        for number in range(2000):
            copy = f"{key[1]}{number}"
            table.memory.items["outbox", copy] = {**item, "sk": {"S": copy}}

        outbox = store.outbox(CHANNEL)

    assert (outbox.not_before, outbox.blocked_reason) == (NOW + 300, "not_in_channel")
    assert len(outbox.notifications) >= 1900
