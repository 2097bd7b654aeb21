"""The batch table: a transition and its notification are written together, or neither."""

from dataclasses import replace

import pytest
from botocore.exceptions import ClientError

from batchbell.adapters.batch_table import BatchTable
from batchbell.domain.batch import BatchError
from batchbell.domain.cursor import Cursor, Leg, Position
from batchbell.domain.diff import Transition
from batchbell.domain.errors import PermanentError, StaleError, TransientError
from batchbell.domain.notification import BaselineReason, Notification
from batchbell.domain.record import Entry, Recorded, Stale
from batchbell.domain.watch import KeyTrouble, Watch
from tests.builders import DAY_S, NOW, a_batch, a_notification, a_watched
from tests.tables import LocalTable, cut_after, cut_before, throttled


@pytest.fixture
def batches(table: LocalTable) -> BatchTable:
    return BatchTable(table.opened())


def an_entry(
    status: str = "completed",
    old_status: str | None = None,
    *,
    batch_id: str = "batch_1",
    is_owed: bool = True,
) -> Entry:
    batch = a_batch(batch_id, status)
    transition = Transition(batch, old_status, was_watched=old_status is not None)
    return Entry(transition, a_notification(batch) if is_owed else None)


def outbox(table: LocalTable) -> list[str]:
    return [item["sk"]["S"] for item in table.items("outbox")]


def a_watch(**fields: object) -> Watch:
    watch = Watch("https://api.openai.com/v1", baseline_at=NOW, reason=BaselineReason.INSTALLED)
    return replace(watch, **fields)  # type: ignore[arg-type]


def test_a_transition_is_recorded_with_its_notification(table: LocalTable, batches: BatchTable) -> None:
    entry = an_entry()

    outcome = batches.record([entry], NOW)

    assert outcome == Recorded(stored=(entry,))
    assert batches.recorded_batch("batch_1") == entry.transition.batch
    assert outbox(table) == [f"notification#0{NOW}#batch_1#completed"]


def test_a_second_poll_writes_nothing_and_learns_what_the_first_recorded(
    table: LocalTable, batches: BatchTable
) -> None:
    batches.record([an_entry()], NOW)
    late = an_entry("failed")

    outcome = batches.record([late], NOW + 1)

    assert outcome == Recorded(stale=(Stale(late, "completed", frozenset({"completed"})),))
    assert len(outbox(table)) == 1


def test_one_stale_entry_does_not_keep_the_others_from_being_recorded(
    table: LocalTable, batches: BatchTable
) -> None:
    batches.record([an_entry()], NOW)
    entries = [an_entry(batch_id=f"batch_{n}") for n in range(100)]

    outcome = batches.record(entries, NOW)

    assert set(outcome.stored) == set(entries) - {entries[1]}
    assert [each.entry for each in outcome.stale] == [entries[1]]
    assert len(outbox(table)) == 100


def test_a_batch_listed_twice_on_one_page_is_recorded_once(table: LocalTable, batches: BatchTable) -> None:
    entry = an_entry()

    outcome = batches.record([entry, an_entry()], NOW)

    assert (len(outcome.stored), len(outcome.stale)) == (1, 1)
    assert len(outbox(table)) == 1


def test_what_the_table_will_never_take_is_set_aside_and_the_others_recorded(
    batches: BatchTable,
) -> None:
    huge = an_entry(batch_id="batch_huge")
    errors = tuple(BatchError(message="x" * 1000) for _ in range(500))
    huge = replace(huge, transition=replace(huge.transition, batch=a_batch("batch_huge", errors=errors)))
    fine = [an_entry(batch_id="batch_1"), an_entry(batch_id="batch_2")]

    outcome = batches.record([fine[0], huge, fine[1]], NOW)

    assert outcome == Recorded(stored=tuple(fine), unstorable=(huge,))


def test_a_status_is_announced_once_in_a_batchs_life(table: LocalTable, batches: BatchTable) -> None:
    batches.record([an_entry("in_progress")], NOW)
    batches.record([an_entry("finalizing", "in_progress", is_owed=False)], NOW)
    again = an_entry("in_progress", "finalizing")

    outcome = batches.record([again], NOW)

    assert outcome == Recorded(stale=(Stale(again, "finalizing", frozenset({"in_progress"})),))
    assert len(outbox(table)) == 1


def test_a_record_past_its_time_to_live_counts_as_none(batches: BatchTable) -> None:
    batches.record([an_entry(is_owed=False)], NOW)
    entry = an_entry("in_progress", is_owed=False)

    assert batches.record([entry], NOW + 29 * DAY_S).stale
    assert batches.record([entry], NOW + 31 * DAY_S).stored == (entry,)


def ttl(table: LocalTable, batch_id: str = "batch_1") -> str | None:
    [record] = table.items(f"batch#{batch_id}")
    return record.get("ttl", {}).get("N")


def test_a_record_may_expire_once_its_batch_ended_and_nothing_is_owed(
    table: LocalTable, batches: BatchTable
) -> None:
    batches.record([an_entry("in_progress", is_owed=False)], NOW)
    while_open = ttl(table)
    batches.record([an_entry("completed", "in_progress", is_owed=False)], NOW)

    assert (while_open, ttl(table)) == (None, str(NOW + 30 * DAY_S))


def test_a_record_does_not_expire_while_its_end_is_undelivered(
    table: LocalTable, batches: BatchTable
) -> None:
    batches.record([an_entry("completed")], NOW)

    assert ttl(table) is None


def test_a_record_that_someone_deleted_is_written_anew(batches: BatchTable) -> None:
    entry = an_entry("completed", "in_progress")

    outcome = batches.record([entry], NOW)

    assert outcome == Recorded(stale=(Stale(entry, None, frozenset()),))


@pytest.mark.parametrize("fault", [cut_before, throttled])
def test_a_failing_table_is_a_transient_error(table: LocalTable, batches: BatchTable, fault: type) -> None:
    table.before = fault

    with pytest.raises(TransientError):
        batches.record([an_entry()], NOW)


def test_what_was_written_though_its_answer_was_lost_is_not_written_again(
    table: LocalTable, batches: BatchTable
) -> None:
    table.after = cut_after
    with pytest.raises(TransientError):
        batches.record([an_entry()], NOW)
    table.after = lambda operation: None

    assert batches.record([an_entry()], NOW).stale
    assert len(outbox(table)) == 1


def test_a_conflict_with_another_transaction_is_tried_again(table: LocalTable, batches: BatchTable) -> None:
    conflicts = [_conflict(), _conflict()]
    table.before = lambda operation: conflicts.pop() if conflicts else None

    assert batches.record([an_entry()], NOW).stored


def test_a_table_that_is_not_there_needs_a_person(table: LocalTable) -> None:
    elsewhere = BatchTable(replace(table.opened(), name="another"))

    with pytest.raises(PermanentError, match="read the watch: ResourceNotFoundException"):
        elsewhere.load_watch()


def test_the_watch_is_read_as_it_was_written(batches: BatchTable) -> None:
    legs = (Leg("b", 3, "a"),)
    watch = a_watch(
        project="proj_1",
        position=Position(Cursor(1, 2), newest_at=4, unread=legs),
        trouble=KeyTrouble(since=NOW, polls=2),
        watched={
            "batch_1": a_watched(),
            "batch_2": a_watched("completed", expires_at=None, missing_since=5),
        },
    )

    saved = batches.save_watch(watch)

    assert saved == replace(watch, version=1)
    assert batches.load_watch() == saved


def test_of_two_polls_that_read_one_watch_only_one_writes_it(table: LocalTable, batches: BatchTable) -> None:
    watch = batches.save_watch(a_watch())
    batches.save_watch(replace(watch, polled_at=NOW))
    owed = [Notification("baseline-1#watching", NOW, a_batch())]

    with pytest.raises(StaleError):
        batches.save_watch(replace(watch, polled_at=NOW + 1), owed)

    assert outbox(table) == []


def test_a_watch_that_cannot_be_read_is_an_error_and_not_a_new_beginning(
    table: LocalTable, batches: BatchTable
) -> None:
    batches.save_watch(a_watch())
    table.client.put_item(
        TableName=table.name,
        Item={"pk": {"S": "watch"}, "sk": {"S": "watch"}, "body": {"S": "{"}},
    )

    with pytest.raises(PermanentError, match="cannot read the watch"):
        batches.load_watch()


def _conflict() -> ClientError:
    reasons = [{"Code": "TransactionConflict"}, {"Code": "None"}]
    error = {"Code": "TransactionCanceledException", "Message": ""}
    return ClientError(
        {"Error": error, "CancellationReasons": reasons},  # type: ignore[typeddict-unknown-key,typeddict-item]
        "TransactWriteItems",
    )
