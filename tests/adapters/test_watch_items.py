"""The watch's items: however many batches are open, what did not change is not written."""

from dataclasses import replace
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from batchbell.adapters.batch_table import BatchTable
from batchbell.adapters.watch_items import HEAD_KEY, head_from, items_of, shard_key, with_shards
from batchbell.domain.batch import RequestCounts
from batchbell.domain.cursor import Cursor, Position
from batchbell.domain.errors import StaleError, TransientError
from batchbell.domain.watch import Watch, Watched
from local.meter import Meter
from tests.builders import NOW, a_watched
from tests.clock import Clock
from tests.tables import LocalTable

RANDOM = Random(1)


def some_open(count: int, first: int = 0) -> dict[str, Watched]:
    """Open batches as OpenAI names them, newest first."""
    ids = [f"batch_{NOW - number:08x}{RANDOM.getrandbits(96):024x}" for number in range(first, first + count)]
    return {
        id: a_watched(
            created_at=NOW - number,
            expires_at=NOW - number + 86400,
            checked_at=0,
            request_counts=RequestCounts(1000, RANDOM.randrange(1000), 0),
            rank=10**6 - number,
            above=ids[place - 1] if place else None,
        )
        for place, (number, id) in enumerate(enumerate(ids, start=first))
    }


def moved_on(watch: Watch, batch_id: str) -> Watch:
    """The watch after a poll in which this batch made progress."""
    seen = replace(watch.watched[batch_id], request_counts=RequestCounts(1000, 999, 1))
    return replace(watch, watched={**watch.watched, batch_id: seen})


def a_watch(watched: dict[str, Watched]) -> Watch:
    return Watch("https://api.openai.com/v1", NOW, None, position=Position(Cursor(NOW, NOW)), watched=watched)


@pytest.fixture
def batches(table: LocalTable) -> BatchTable:
    return BatchTable(table.opened())


@pytest.fixture
def meter(table: LocalTable) -> Meter:
    return table.meter(Clock())


@pytest.mark.parametrize("count", [0, 1, 300, 5000])
def test_a_watch_of_any_size_is_read_as_it_was_written(batches: BatchTable, count: int) -> None:
    saved = batches.save_watch(a_watch(some_open(count)))

    assert batches.load_watch() == saved


def test_of_48_000_open_batches_a_poll_writes_only_the_items_that_changed(
    table: LocalTable, batches: BatchTable, meter: Meter
) -> None:
    watch = batches.save_watch(a_watch(some_open(48_000)))
    first_units, busiest = meter.write_units, meter.busiest()
    meter.clear()
    table.calls.clear()
    watch = batches.save_watch(moved_on(watch, next(iter(watch.watched))))
    near_calls, near_units = list(table.calls), meter.write_units
    meter.clear()
    watch = batches.save_watch(moved_on(watch, list(watch.watched)[40_000]))
    far_items, far_units = {each.partition for each in meter.writes}, meter.write_units

    read = batches.load_watch()

    assert (first_units <= 3000, busiest <= 2 * 80) == (True, True)
    assert (near_calls, near_units <= 10) == (["PutItem"], True)
    assert (len(far_items), far_units <= 2 * (80 + 10)) == (2, True)
    assert read == watch
    assert meter.read_units <= 350


def test_what_is_left_of_many_comes_back_into_the_head(table: LocalTable, batches: BatchTable) -> None:
    watch = batches.save_watch(a_watch(some_open(10_000)))
    left = {id: watch.watched[id] for id in list(watch.watched)[::200]}

    saved = batches.save_watch(replace(watch, watched=left))

    assert saved.shards == ()
    assert [item["pk"] for item in table.items() if item["pk"]["S"].startswith("watch")] == [HEAD_KEY["pk"]]
    assert batches.load_watch() == saved


@settings(max_examples=20)
@given(st.lists(st.tuples(st.integers(0, 1500), st.floats(0, 1)), max_size=6))
def test_however_batches_come_and_go_the_items_hold_them_all(story: list[tuple[int, float]]) -> None:
    stored: dict[str, dict[str, object]] = {}
    watch, first = a_watch({}), 0

    for born, ending in story:
        first -= born
        alive = {id: seen for id, seen in watch.watched.items() if RANDOM.random() > ending}
        watch, head, writes = items_of(replace(watch, watched=alive | some_open(born, first)))
        for write in writes:
            if "Put" in write:
                stored[write["Put"]["Item"]["pk"]["S"]] = write["Put"]["Item"]
            else:
                del stored[write["Delete"]["Key"]["pk"]["S"]]

        assert with_shards(head_from(head), list(stored.values())) == watch
        assert len(stored) == len(watch.shards)
        assert all(len(item["rows"]["B"]) <= 80_000 for item in stored.values())
        assert len(head["rows"]["B"]) <= 7_800


def test_ids_of_500_random_characters_fit(batches: BatchTable) -> None:
    watched = {f"{RANDOM.getrandbits(2000):0500x}": a_watched(created_at=NOW - n) for n in range(3000)}

    saved = batches.save_watch(a_watch(watched))

    assert batches.load_watch() == saved


def test_of_two_polls_that_change_other_shards_only_one_writes(
    table: LocalTable, batches: BatchTable
) -> None:
    watch = batches.save_watch(a_watch(some_open(10_000)))
    ids = list(watch.watched)
    saved = batches.save_watch(moved_on(watch, ids[9000]))

    with pytest.raises(StaleError):
        batches.save_watch(moved_on(watch, ids[4000]))

    assert batches.load_watch() == saved


def test_a_poll_that_writes_while_another_reads_does_not_mix_what_that_one_sees(
    table: LocalTable, batches: BatchTable
) -> None:
    watch = batches.save_watch(a_watch(some_open(10_000)))
    following = moved_on(watch, list(watch.watched)[9000])

    def write_in_between(operation: str) -> None:
        if operation == "BatchGetItem":
            table.before = lambda operation: None
            batches.save_watch(following)

    table.before = write_in_between

    assert batches.load_watch() == replace(following, version=2, shards=batches.load_watch().shards)  # type: ignore[union-attr]


def test_shards_that_never_match_their_head_are_an_error_and_not_a_smaller_watch(
    table: LocalTable, batches: BatchTable
) -> None:
    batches.save_watch(a_watch(some_open(10_000)))
    table.client.delete_item(TableName=table.name, Key=shard_key(0))

    with pytest.raises(TransientError, match="read the watch"):
        batches.load_watch()
