"""Many batches: a poll costs what the new and the open ones cost, however many there are."""

import pytest

from batchbell.models import RequestCounts
from batchbell.records import Change, Cursor
from local import openai_faults
from local.openai_faults import Kind
from local.openai_simulator import After
from tests.bot import BotUnderTest
from tests.builders import a_batch, a_state

MANY = 48_000
PARTITION_TAKES = 1000
"""Write units a second."""


def add_tracked(bot: BotUnderTest, count: int, open_count: int) -> None:
    """Add so many batches of which so many, evenly among them, are open and recorded, as a quiet bot has them.

    The newest is an hour old. Polls would take minutes to record so many.
    """
    now = int(bot.clock()) - 3600
    state = a_state(
        base_url=bot.config.server.base_url, project="proj_test", cursor=Cursor(now + 1, now - 300), version=0
    )
    bot.store().save_state(state)
    tracked = a_batch(expires_at=now + 90_000, request_counts=RequestCounts(10, 3, 0))
    bot.store().record([Change(tracked, None)], state.scope, now)
    sample = bot.table.memory.items.pop(("batch#batch_1", "record"))
    for number in range(count):
        is_open, at = number * open_count % max(count, 1) < open_count, now - number
        status = "in_progress" if is_open else "cancelled"
        batch_id = f"batch_{number:06}"
        bot.openai.add(status, id=batch_id, created_at=at, expires_at=now + 90_000, cancelled_at=None)
        if is_open:
            key = {"pk": {"S": f"batch#{batch_id}"}, "created": {"S": f"{at:011}#{batch_id}"}}
            bot.table.memory.items[f"batch#{batch_id}", "record"] = {**sample, **key}


def requests_of_a_poll(bot: BotUnderTest) -> int:
    bot.clock.at += 60
    bot.openai.requests.clear()
    result = bot.poll(600)
    assert (result.is_complete, result.failure, result.recorded) == (True, None, 0)
    return len(bot.openai.requests)


@pytest.mark.parametrize(
    ("count", "open_count", "most"), [(400, 20, 4), (MANY, 100, 102), (MANY, 1000, 520), (MANY, MANY, 490)]
)
def test_a_poll_makes_few_requests_for_open_batches_wherever_they_are(
    bot: BotUnderTest, count: int, open_count: int, most: int
) -> None:
    add_tracked(bot, count, open_count)

    assert requests_of_a_poll(bot) <= most
    assert bot.table.calls[-3:] == ["BatchGetItem", "Query", "PutItem"]


def test_a_poll_reads_at_most_1_000_pages_however_long_the_list_is(bot: BotUnderTest) -> None:
    add_tracked(bot, 1700, 1700)
    bot.openai.down = openai_faults.short_pages(1)

    assert bot.poll(600).pages == 1000


def test_two_polls_that_find_1_500_ends_at_once_ask_no_partition_for_more_than_it_takes(bot: BotUnderTest) -> None:
    bot.tick()
    meter = bot.table.meter(bot.clock)
    ids = [bot.openai.add("failed")["id"] for _ in range(1500)]

    bot.poll(600)

    recorded = {each.id for each in bot.store().outbox(bot.config.channel).notifications}
    assert recorded == {f"{each}#failed" for each in ids}
    # Another poll may write as much at the same time.
    assert meter.busiest() <= PARTITION_TAKES / 2


# Open batches far down a list that changes


def add_deep_open(bot: BotUnderTest) -> list[str]:
    """180 open batches far down, with ended ones above, between and below them; all ids, oldest first."""
    ids = []
    now = int(bot.clock())
    for number in range(240):
        status = "completed" if number % 4 == 0 else "in_progress"
        row = bot.openai.add(status, created_at=now - 9000 + number, completed_at=1)
        ids.append(row["id"])
    for number in range(110):
        bot.openai.add("completed", created_at=now - 3600 + number, completed_at=1)
    bot.tick(2)
    bot.openai.requests.clear()
    return ids


def test_a_page_shows_many_open_batches_and_no_page_is_read_twice(bot: BotUnderTest) -> None:
    add_deep_open(bot)

    bot.tick()

    assert len(bot.openai.requests) == 1 + 3


def fail_some(bot: BotUnderTest, ids: list[str]) -> list[str]:
    """Let some open batches fail; what is then to be announced."""
    for batch_id in ids[1::24]:
        bot.openai.move(batch_id, "failed")
    return sorted(f"{each}#failed" for each in ids[1::24])


@pytest.mark.parametrize("unknown_after", list(After))
@pytest.mark.parametrize("page_size", [20, 100])
def test_ends_are_seen_at_once_at_any_server_though_rows_above_them_are_deleted_or_slip_in(
    bot: BotUnderTest, unknown_after: After, page_size: int
) -> None:
    ids = add_deep_open(bot)
    bot.openai.unknown_after, bot.openai.down = unknown_after, openai_faults.short_pages(page_size)
    for batch_id in ids[::4]:
        bot.openai.remove(batch_id)
    for place in (50, 100, 150):
        bot.openai.add("completed", completed_at=1, created_at=int(bot.clock()) - 9000 + place)
    expected = fail_some(bot, ids)

    bot.tick()
    announced, requests = bot.announced(), len(bot.openai.requests)
    bot.tick(3)

    assert sorted(announced) == sorted(bot.announced()) == expected
    assert requests <= 180 + 2
    assert len(bot.openai.requests) <= 4 * (180 + 2)


def test_what_failed_requests_would_have_shown_is_left_to_the_next_poll(bot: BotUnderTest) -> None:
    ids = add_deep_open(bot)
    bot.openai.faults.append(openai_faults.error(500), on=Kind.NEXT_PAGE, times=5)
    bot.openai.faults.append(openai_faults.error(500), on=Kind.RETRIEVE, times=200)
    expected = fail_some(bot, ids)
    bot.clock.at += 60

    result = bot.poll()
    before = bot.announced()
    bot.tick(3)

    assert (result.failure is None, before) == (False, [])
    assert sorted(bot.announced()) == expected
