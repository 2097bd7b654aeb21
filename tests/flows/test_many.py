"""Many batches: a poll costs what the new and the open ones cost, whatever the history."""

import pytest

from local import openai_faults
from local.meter import Meter
from local.openai_faults import Kind
from local.openai_simulator import After
from tests.bot import BotUnderTest
from tests.builders import DAY_S
from tests.tables import WithoutRecords

MANY = 48_000


@pytest.fixture
def meter(bot: BotUnderTest) -> Meter:
    return bot.table.meter(bot.clock)


def add(bot: BotUnderTest, count: int, status: str = "in_progress", within_s: int = DAY_S) -> list[str]:
    """So many batches, evenly over that time until now; their ids, oldest first."""
    now = int(bot.clock())
    ids = []
    for number in range(count):
        at = now - within_s + within_s * (number + 1) // count
        times = {} if status == "in_progress" else {f"{status}_at": at}
        ids.append(bot.openai.add(status, created_at=at, expires_at=now + DAY_S, **times)["id"])
    return ids


def requests_of_a_poll(bot: BotUnderTest, meter: Meter) -> int:
    """OpenAI's share of a tick; the table's is in `bot.table.calls` and the meter."""
    bot.clock.at += 60
    for log in (bot.openai.requests, bot.table.calls, bot.slack.calls, meter):
        log.clear()
    bot.deliver()
    result = bot.poll()
    assert (result.is_complete, result.failure) == (True, None)
    return len(bot.openai.requests)


def assert_quiet(bot: BotUnderTest, meter: Meter) -> None:
    assert requests_of_a_poll(bot, meter) == 1
    assert bot.table.calls == ["Query", "BatchGetItem", "PutItem"]
    assert (meter.read_units <= 10, meter.write_units <= 10) == (True, True)
    assert bot.slack.calls == []


@pytest.mark.parametrize("history", [0, 99, 3000])
@pytest.mark.parametrize("open_count", [0, 100])
def test_a_quiet_poll_costs_the_same_whatever_the_history(
    bot: BotUnderTest, meter: Meter, history: int, open_count: int
) -> None:
    bot.batches = lambda: WithoutRecords(bot._table())  # type: ignore[method-assign]
    add(bot, history, "completed")
    bot.clock.at += 3600
    for _ in range(open_count):
        bot.openai.add()
    bot.tick(3)

    assert_quiet(bot, meter)


def test_48_000_batches_cost_what_is_new_and_open_of_them(bot: BotUnderTest, meter: Meter) -> None:
    bot.batches = lambda: WithoutRecords(bot._table())  # type: ignore[method-assign]
    ids = add(bot, MANY)
    baseline = bot.poll()
    assert (baseline.is_complete, baseline.open) == (True, MANY)

    all_open = requests_of_a_poll(bot, meter)
    for place, batch_id in enumerate(ids):
        if place % (MANY // 100):
            bot.openai.move(batch_id, "cancelled")
    ending = requests_of_a_poll(bot, meter)
    hundred_open = requests_of_a_poll(bot, meter)
    few_calls, few_units = list(bot.table.calls), meter.read_units + meter.write_units
    for batch_id in ids[:: MANY // 100]:
        bot.openai.move(batch_id, "cancelled")
    bot.tick()
    bot.clock.at += 3600
    for _ in range(100):
        bot.openai.add()
    bot.tick(2)

    assert all_open <= 490
    assert ending <= 490
    assert hundred_open <= 102
    assert (len(few_calls), few_units <= 25) == (3, True)
    assert_quiet(bot, meter)


def test_a_large_first_poll_spreads_its_writes_and_takes_several_polls(
    bot: BotUnderTest, meter: Meter
) -> None:
    add(bot, 320, "completed")
    add(bot, 80)
    bot.clock.at += 60

    results = [bot.poll(time_s=3.4) for _ in range(3)]
    bot.tick()

    assert [each.is_complete for each in results] == [False, False, True]
    assert meter.busiest() <= 1000
    [text] = bot.texts()
    assert "80 batches are open" in text


def test_a_burst_of_ends_is_told_whole(bot: BotUnderTest) -> None:
    bot.tick()
    ids = add(bot, 120, within_s=60)
    bot.tick()
    for batch_id in ids:
        bot.openai.move(batch_id, "failed")

    bot.tick(3)

    assert sorted(bot.announced()) == sorted(f"{each}#failed" for each in ids)


def deep_open(bot: BotUnderTest) -> list[str]:
    """Open batches far down, with ended ones above, between and below them, after two polls."""
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


def test_far_down_a_page_shows_many_and_no_page_is_read_twice(bot: BotUnderTest) -> None:
    deep_open(bot)

    bot.tick()

    assert len(bot.openai.requests) == 1 + 3


@pytest.mark.parametrize("unknown_after", list(After))
def test_open_batches_are_watched_though_the_rows_above_them_are_deleted(
    bot: BotUnderTest, unknown_after: After
) -> None:
    ids = deep_open(bot)
    bot.openai.unknown_after = unknown_after
    for batch_id in ids[::4]:
        bot.openai.remove(batch_id)
    ending = [batch_id for place, batch_id in enumerate(ids) if place % 24 == 1]
    for batch_id in ending:
        bot.openai.move(batch_id, "failed")

    bot.tick(2)

    assert sorted(bot.announced()) == sorted(f"{each}#failed" for each in ending)


def test_a_row_that_slips_in_far_down_moves_others_out_of_their_pages_and_none_is_lost(
    bot: BotUnderTest,
) -> None:
    ids = deep_open(bot)
    for place in (50, 100, 150):
        at = bot.openai.add("completed", completed_at=1, created_at=int(bot.clock()) - 9000 + place)
        assert at
    ending = [batch_id for place, batch_id in enumerate(ids) if place % 24 in (1, 7)]
    for batch_id in ending:
        bot.openai.move(batch_id, "failed")

    bot.tick(3)

    assert sorted(bot.announced()) == sorted(f"{each}#failed" for each in ending)


def test_a_server_that_ignores_after_costs_few_requests_more_than_there_are_open_batches(
    bot: BotUnderTest,
) -> None:
    deep_open(bot)
    bot.openai.unknown_after = After.NEVER_KNOWN

    for _ in range(5):
        bot.openai.requests.clear()
        bot.tick()

        assert len(bot.openai.requests) <= 1 + 180 + 3


def test_a_server_that_gives_shorter_pages_than_it_is_asked_for_is_read_by_its_own(
    bot: BotUnderTest,
) -> None:
    ids = deep_open(bot)
    short = openai_faults.short_pages(20)
    bot.openai.down = short
    bot.openai.move(ids[1], "failed")

    bot.tick()

    assert bot.announced() == [f"{ids[1]}#failed"]
    assert len(bot.openai.requests) <= 1 + 240 // 20 + 1


def test_windows_that_fail_leave_what_they_would_have_shown_to_the_next_poll(bot: BotUnderTest) -> None:
    ids = deep_open(bot)
    bot.openai.faults.append(openai_faults.error(500), on=Kind.NEXT_PAGE, times=3 * 5)
    bot.openai.faults.append(openai_faults.error(500), on=Kind.RETRIEVE, times=5)
    bot.openai.move(ids[1], "failed")
    bot.clock.at += 60

    result = bot.poll()
    bot.tick(2)

    assert result.failure is not None
    assert bot.announced() == [f"{ids[1]}#failed"]
