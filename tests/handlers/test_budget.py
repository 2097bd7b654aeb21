"""The budget of a quiet run: what the whole function asks when nothing is new, whatever lies behind it."""

import time
from dataclasses import replace

import pytest

from batchbell.adapters.dynamodb import make_client
from batchbell.flows.poll import PollResult, poll
from batchbell.flows.tally import DeliverResult
from batchbell.handlers import schedule
from batchbell.handlers.schedule import is_all_told
from local.meter import Meter, item_of
from tests.bot import BotUnderTest
from tests.builders import DAY_S, a_policy
from tests.deployment import Deployment
from tests.tables import LocalTable, WithoutRecords, cut_after

POLLED = PollResult(is_complete=True)


def add_ended(deployment: Deployment, count: int, within_s: int) -> None:
    """So many ends, evenly over that time until now."""
    now = int(time.time())
    for number in range(count):
        at = now - within_s + within_s * (number + 1) // count
        deployment.openai.add("completed", created_at=at, completed_at=at)


@pytest.mark.parametrize(
    ("history", "lately"),
    [
        pytest.param(0, 0, id="none"),
        pytest.param(3000, 0, id="a month's"),
        pytest.param(3000, 250, id="and 250 of the last five minutes"),
        pytest.param(3000, 900, id="and 900 of the last five minutes, which take a shard"),
    ],
)
def test_a_quiet_run_keeps_to_its_budget_whatever_the_history(
    deployment: Deployment, table: LocalTable, history: int, lately: int
) -> None:
    add_ended(deployment, history, 30 * DAY_S)
    add_ended(deployment, lately, 300)
    deployment.openai.add()
    deployment.store_secrets()
    records = WithoutRecords(table.opened())
    baseline = poll(schedule.bot().openai, records, a_policy(), time.time, time.time() + 60)
    deployment.tick()
    meter = Meter(schedule.bot().batches._table.client.meta.events, item_of(make_client(), table.name))
    deployment.openai.requests.clear()
    deployment.slack.calls.clear()

    deployment.tick()

    assert baseline.is_complete
    assert len(deployment.openai.requests) == 1
    assert deployment.slack.calls == []
    assert meter.requests == 3
    assert meter.read_units <= 10
    assert [each.partition for each in meter.writes] == ["watch"]
    assert meter.write_units <= 10


@pytest.mark.parametrize(
    "delivered",
    [
        None,
        DeliverResult(delivered=1),
        DeliverResult(waiting=1, parked=1),
        DeliverResult(unreadable=1),
        DeliverResult(stopped_by="no time is left"),
    ],
)
def test_after_a_delivery_that_found_something_or_failed_the_outbox_is_looked_at_again(
    delivered: DeliverResult | None,
) -> None:
    assert not is_all_told(delivered, POLLED)


@pytest.mark.parametrize("polled", [None, replace(POLLED, owed=1), replace(POLLED, failure="cut")])
def test_after_a_poll_that_owes_something_or_failed_the_outbox_is_looked_at_again(
    polled: PollResult | None,
) -> None:
    assert is_all_told(DeliverResult(), POLLED)
    assert not is_all_told(DeliverResult(), polled)


@pytest.mark.parametrize(
    ("operation", "nth", "told"),
    [("PutItem", 1, 51), ("TransactWriteItems", 1, 50), ("TransactWriteItems", 2, 51)],
)
def test_what_a_poll_wrote_before_its_table_failed_is_told_in_the_same_run(
    bot: BotUnderTest, operation: str, nth: int, told: int
) -> None:
    bot.tick()
    for _ in range(51):
        bot.openai.add("failed")
    bot.table.calls.clear()

    def lose_the_answer(called: str) -> Exception | None:
        is_it = called == operation and bot.table.calls.count(operation) == nth
        return cut_after(operation) if is_it else None

    bot.table.after = lose_the_answer
    bot.tick()

    assert len(bot.announced()) == told
