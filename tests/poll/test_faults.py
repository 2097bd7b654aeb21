"""Faults on real wires: whatever fails, is slow or dies, an end is announced once."""

from collections.abc import Callable
from contextlib import suppress

import pytest

from local.openai_faults import Fault, Kind, cut, empty_page, error, html, raw, redirect
from local.server import Cut
from tests.bot import BotUnderTest
from tests.tables import cut_after, cut_before, throttled


def add_end(bot: BotUnderTest) -> list[str]:
    """Let a batch end that the bot has seen open; what is then to be announced."""
    bot.tick()
    batch_id = bot.add_open()
    bot.openai.move(batch_id, "completed")
    return [f"{batch_id}#completed"]


REFUSALS = [error(status) for status in (500, 408, 401, 403, 400, 404)]
DELAYS = [error(503, headers={"retry-after": "7"}), error(429, headers={"retry-after": "300"})]
NO_LISTS = [html(502), html(200), raw({"data": "no list"}), raw(b"{"), redirect("https://example.com/"), empty_page]
CUTS = [cut(Cut.BEFORE_HEAD), cut(Cut.WITHIN_BODY)]


@pytest.mark.parametrize("fault", [*REFUSALS, *DELAYS, *NO_LISTS, *CUTS])
def test_openai_may_be_down_in_any_way(bot: BotUnderTest, fault: Fault) -> None:
    expected = add_end(bot)
    bot.openai.down = fault
    bot.tick(3)
    before = bot.announced()
    bot.openai.down = None

    bot.tick(3)

    assert before == []
    assert bot.announced() == expected


@pytest.mark.parametrize("fault", [error(500), error(404), html()])
def test_what_page_one_showed_is_announced_while_page_two_fails(bot: BotUnderTest, fault: Fault) -> None:
    bot.add_ended(250)
    old = bot.openai.add("in_progress", created_at=int(bot.clock()) - 7200)
    expected = add_end(bot)
    bot.openai.faults.append(fault, on=Kind.NEXT_PAGE, times=50)

    bot.tick()
    while_failing = bot.announced()
    bot.openai.move(old["id"], "failed")
    bot.tick(60)

    assert while_failing == expected
    assert bot.announced() == [*expected, f"{old['id']}#failed"]


@pytest.mark.parametrize("spoilt", [{"status": None}, {"id": "x" * 600}, {"id": None, "status": 7}])
def test_a_row_that_cannot_be_read_or_stored_does_not_stop_the_others(
    bot: BotUnderTest, spoilt: dict[str, object]
) -> None:
    bot.tick()
    good = bot.openai.add("failed", created_at=int(bot.clock()))
    bad = bot.openai.add("failed", created_at=int(bot.clock()))
    bot.openai.mangle = lambda row: row | (spoilt if row["id"] == bad["id"] else {})
    bot.clock.at += 60

    result = bot.poll()
    bot.tick()

    assert (len(result.unreadable), result.failure) == (1, None)
    assert bot.announced() == [f"{good['id']}#failed"]


def test_one_batch_that_cannot_be_retrieved_does_not_stop_the_others(bot: BotUnderTest) -> None:
    bot.tick()
    ids = [bot.openai.add()["id"] for _ in range(20)]
    bot.tick()
    bot.openai.unlisted.update(ids)
    for batch_id in ids[1:]:
        bot.openai.move(batch_id, "failed")
    bot.openai.mangle = lambda row: row | ({"status": 7} if row["id"] == ids[0] else {})
    bot.clock.at += 60

    result = bot.poll()
    bot.tick()

    assert (result.unreadable, result.failure) == ([ids[0]], None)
    assert sorted(bot.announced()) == sorted(f"{each}#failed" for each in ids[1:])


def test_a_refused_key_is_announced_at_the_second_poll_and_once_more_when_it_works(bot: BotUnderTest) -> None:
    expected = add_end(bot)
    bot.openai.down = error(401)
    bot.tick()
    bot.openai.down = None
    bot.tick()
    after_one = len(bot.texts())
    bot.key = "sk-wrong"
    bot.tick(6)
    refused = bot.texts()[after_one:]
    bot.key = bot.openai.key

    bot.tick(3)

    assert (after_one, bot.announced()) == (2, expected)
    assert (len(refused), len(bot.texts())) == (1, 4)
    assert "rejects the API key" in refused[0]


# DynamoDB, and death


class Killed(BaseException):
    """The process is gone."""


def killed(operation: str) -> BaseException:
    return Killed(operation)


FAULTS: dict[str, tuple[str, Callable[[str], BaseException]]] = {
    "cut before": ("before", cut_before),
    "cut after": ("after", cut_after),
    "throttled": ("before", throttled),
    "killed before": ("before", killed),
    "killed after": ("after", killed),
}
CALLS = range(1, 16)
"""The calls of the table in two ticks that announce an end; some are only made after a fault."""


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("nth", CALLS)
def test_any_call_to_the_table_may_fail_or_be_the_last(bot: BotUnderTest, nth: int, fault: str) -> None:
    expected = add_end(bot)
    where, error_at = FAULTS[fault]
    count = 0

    def at_the_nth_call(operation: str) -> BaseException | None:
        nonlocal count
        count += 1
        return error_at(operation) if count == nth else None

    setattr(bot.table, where, at_the_nth_call)
    for _ in range(7):
        with suppress(Killed):
            bot.tick()

    assert count >= nth
    assert bot.announced() == expected
    assert bot.outbox().notifications == ()


@pytest.mark.parametrize("nth", CALLS)
def test_another_run_may_come_in_between_at_any_call_to_the_table(bot: BotUnderTest, nth: int) -> None:
    expected = add_end(bot)
    born = bot.openai.add("failed", created_at=int(bot.clock()))
    still_open = bot.openai.add()
    count = 0

    def another_run(operation: str) -> None:
        nonlocal count
        count += 1
        if count == nth:
            bot.tick(after_s=0)

    bot.table.before = another_run
    bot.tick()
    bot.openai.move(still_open["id"], "completed")
    bot.tick(6)

    assert count >= nth
    expected += [f"{born['id']}#failed", f"{still_open['id']}#completed"]
    assert sorted(bot.announced()) == sorted(expected)
    assert bot.outbox().notifications == ()


def test_an_index_that_lags_by_minutes_hides_and_repeats_nothing(bot: BotUnderTest) -> None:
    bot.table.memory.index_lag_s = 150
    expected = add_end(bot)
    unlisted, seen_once = bot.openai.add()["id"], bot.openai.add()["id"]
    bot.tick()
    bot.openai.unlisted.add(unlisted)
    bot.openai.move(unlisted, "failed")
    bot.openai.move(seen_once, "expired")

    bot.tick(6)

    assert sorted(bot.announced()) == sorted([*expected, f"{unlisted}#failed", f"{seen_once}#expired"])


def test_what_a_newer_version_left_in_the_table_stops_nothing(bot: BotUnderTest) -> None:
    expected = add_end(bot)
    newer = {"body": {"S": '{"id":"x","recorded_at":1,"subject":{"kind":"invented later"}}'}}
    key = {"pk": {"S": "outbox"}, "sk": {"S": "00000000001#x"}}
    bot.table.client.put_item(TableName=bot.table.name, Item=key | newer)
    [state] = bot.table.items("state")
    body = state["body"]["S"].replace("{", '{"invented_later":1,', 1)
    bot.table.client.put_item(TableName=bot.table.name, Item=state | {"body": {"S": body}})

    bot.tick(3)

    assert bot.announced() == expected
    assert bot.deliver().unreadable == 1
