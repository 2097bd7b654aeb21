"""`batchbell redeliver`: what waits for a person is tried now, and nothing is announced twice for it."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from batchbell.cli.commands import redelivered
from local import slack_faults as faults
from local.slack_simulator import CHANNEL
from tests.bot import BotUnderTest
from tests.cli.account import Account
from tests.clock import Clock
from tests.tables import LocalTable

POST = "chat.postMessage"
NEXT = "What to do about it: batchbell doctor --team search\n"


@pytest.fixture
def bot(clock: Clock, table: LocalTable) -> Iterator[BotUnderTest]:
    with BotUnderTest(clock, table) as bot:
        yield bot


def redeliver(bot: BotUnderTest, run_poll: Callable[[], Any] | None = None) -> Any:
    """Return what came of it; the poll function is the bot's own delivery."""
    return redelivered(bot.store(), CHANNEL, run_poll or (lambda: bot.deliver() and None))


def delivered(*ids: str) -> dict[str, Any]:
    return {"delivered": list(ids), "left": [], "failure": None}


@pytest.fixture
def ended(bot: BotUnderTest) -> str:
    """A batch that ended, and is not announced yet; the baseline is."""
    batch = bot.openai.add()
    bot.tick()
    bot.openai.move(batch["id"], "completed")
    bot.poll()
    return f"{batch['id']}#completed"


@pytest.fixture
def parked(bot: BotUnderTest, ended: str) -> str:
    """The same, refused by a channel that is fixed since."""
    bot.slack.channels[CHANNEL] = "not_in_channel"
    bot.deliver()
    bot.slack.channels[CHANNEL] = None
    return ended


def test_nothing_parked_is_nothing_to_do(bot: BotUnderTest) -> None:
    bot.tick()

    assert redeliver(bot, run_poll=lambda: pytest.fail("the function is not to be run")) == delivered()


def test_all_that_waits_for_a_channel_is_delivered_once_it_is_fixed(bot: BotUnderTest, parked: str) -> None:
    other = f"{bot.openai.add('failed')['id']}#failed"
    bot.poll()

    result = redeliver(bot)

    assert result == delivered(parked, other)
    assert sorted(bot.announced()) == sorted([parked, other])
    assert redeliver(bot) == delivered()


def test_what_is_still_refused_is_parked_again_and_says_why(bot: BotUnderTest, parked: str) -> None:
    bot.slack.channels[CHANNEL] = "is_archived"

    left = {"id": parked, "reason": "chat.postMessage: is_archived", "is_parked": True}
    assert redeliver(bot) == delivered() | {"left": [left]}


def test_what_may_be_in_slack_already_is_searched_for_and_not_posted_again(bot: BotUnderTest, ended: str) -> None:
    bot.slack.faults[POST].extend([faults.DROPPED, faults.REPLY_LOST])
    bot.slack.scopes.discard("channels:history")
    for _ in range(4):
        bot.deliver()
        bot.clock.sleep(60)
    [unreadable] = redeliver(bot)["left"]
    bot.slack.scopes.add("channels:history")

    result = redeliver(bot)

    assert "history cannot be read" in unreadable["reason"]
    assert result == delivered(ended)
    assert bot.announced() == [ended]


def test_a_delivery_that_is_under_way_is_not_disturbed(bot: BotUnderTest, parked: str) -> None:
    bot.clock.sleep(301)
    raced: list[str] = []

    def deliver_first(operation: str) -> None:
        if operation == "TransactWriteItems" and not raced:
            raced.append(operation)
            bot.deliver()

    bot.table.before = deliver_first
    redeliver(bot)

    assert raced
    assert bot.announced() == [parked]


def test_a_function_that_fails_is_said_and_what_was_due_stays_due(bot: BotUnderTest, parked: str) -> None:
    result = redeliver(bot, run_poll=lambda: "Sandbox.Timedout")
    bot.tick()

    assert (result["failure"], [each["id"] for each in result["left"]]) == ("Sandbox.Timedout", [parked])
    assert bot.announced() == [parked]


def test_the_command_prints_what_came_of_it(account: Account) -> None:
    nothing = account.run("redeliver")
    account.add_parked("why")
    in_vain = account.run("redeliver")
    account.aws.run = lambda: "Sandbox.Timedout"
    code, printed = account.run("redeliver", "--json")
    account.aws.run = lambda: account.store.remove(account.store.outbox(CHANNEL).notifications)

    fixed = account.run("redeliver")

    assert nothing == (0, "Nothing is waiting for a person.\n")
    assert in_vain == (1, f"no notification delivered.\nstill waiting for a person: batch_old#completed: why\n{NEXT}")
    as_json, said, _ = printed.split("\n")
    left = {"id": "batch_old#completed", "reason": "why", "is_parked": True}
    assert json.loads(as_json) == {"delivered": [], "left": [left], "failure": "Sandbox.Timedout"}
    failed = "batchbell: the poll function failed (Sandbox.Timedout): see its log, or `batchbell doctor`"
    assert (code, said) == (1, failed)
    assert fixed == (0, "1 notification delivered.\n")
