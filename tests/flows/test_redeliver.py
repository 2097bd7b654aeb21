"""Redeliver: what waits for a person is tried now, and nothing is announced twice for it."""

from collections.abc import Callable

import pytest

from batchbell.adapters.outbox_table import OutboxTable
from batchbell.flows.redeliver import Left, RedeliverResult, redeliver
from local import slack_faults as faults
from local.slack_simulator import CHANNEL
from tests.bot import BotUnderTest
from tests.old_slack import HISTORY, POST


def redelivered(bot: BotUnderTest, ring: Callable[[], str | None] | None = None) -> RedeliverResult | None:
    """What the command says; the poll function is the bot's own delivery."""

    def deliver() -> None:
        bot.deliver()

    return redeliver(OutboxTable(bot.table.opened()), ring or deliver, bot.channel)


@pytest.fixture
def ended(bot: BotUnderTest) -> str:
    """A batch that ended, of which the channel has not heard yet; the baseline is told."""
    batch = bot.openai.add()
    bot.tick()
    bot.openai.move(batch["id"], "completed")
    bot.poll()
    return f"{batch['id']}#completed"


def test_nothing_parked_is_nothing_to_do(bot: BotUnderTest) -> None:
    bot.tick()

    assert redelivered(bot, ring=lambda: pytest.fail("nobody is to be woken")) is None


def test_what_stood_before_a_channel_that_is_mended_is_delivered_without_waiting_for_the_probe(
    bot: BotUnderTest, ended: str
) -> None:
    bot.slack.channels[CHANNEL] = "not_in_channel"
    bot.deliver()
    bot.slack.channels[CHANNEL] = None

    result = redelivered(bot)

    assert result == RedeliverResult(delivered=(ended,))
    assert ended in bot.announced()


def test_news_behind_a_parked_message_is_delivered_with_it(bot: BotUnderTest, ended: str) -> None:
    bot.slack.channels[CHANNEL] = "is_archived"
    bot.deliver()
    other = bot.openai.add("failed")
    bot.poll()
    bot.slack.channels[CHANNEL] = None

    result = redelivered(bot)

    assert result is not None
    assert set(result.delivered) == {ended, f"{other['id']}#failed"}
    assert redelivered(bot) is None


def test_what_is_still_refused_is_parked_again_and_says_why(bot: BotUnderTest, ended: str) -> None:
    bot.slack.channels[CHANNEL] = "not_in_channel"
    bot.deliver()

    result = redelivered(bot)

    why = Left(ended, "chat.postMessage: not_in_channel", is_parked=True)
    assert result == RedeliverResult(left=(why,))


def park_although_posted(bot: BotUnderTest) -> None:
    """Post without an answer, where the history cannot be read: what then waits for a person."""
    bot.slack.faults[POST].extend([faults.DROPPED, faults.REPLY_LOST])
    bot.slack.scopes.discard("channels:history")
    for _ in range(3):
        bot.deliver()
        bot.clock.sleep(60)


def test_what_may_be_in_slack_already_is_looked_for_and_not_posted_again(
    bot: BotUnderTest, ended: str
) -> None:
    park_although_posted(bot)
    assert bot.announced().count(ended) == 1
    bot.slack.scopes.add("channels:history")

    result = redelivered(bot)

    assert result == RedeliverResult(delivered=(ended,))
    assert bot.announced().count(ended) == 1


def test_a_history_that_cannot_be_read_keeps_it_parked_rather_than_repeat_it(
    bot: BotUnderTest, ended: str
) -> None:
    park_although_posted(bot)

    result = redelivered(bot)

    assert result is not None
    assert [(each.id, each.is_parked) for each in result.left] == [(ended, True)]
    assert "history cannot be read" in result.left[0].reason
    assert bot.announced().count(ended) == 1


def test_a_message_that_slack_found_faulty_is_drawn_in_full_once_more(bot: BotUnderTest, ended: str) -> None:
    bot.slack.faults[POST].extend([faults.error("invalid_blocks"), faults.error("invalid_blocks")])
    bot.deliver()
    assert bot.deliver().parked == 1

    result = redelivered(bot)

    assert result == RedeliverResult(delivered=(ended,))
    assert bot.slack.messages[-1].attachments


def test_a_delivery_that_is_under_way_is_not_disturbed(bot: BotUnderTest, ended: str) -> None:
    bot.slack.channels[CHANNEL] = "not_in_channel"
    bot.deliver()
    bot.slack.channels[CHANNEL] = None
    bot.clock.sleep(301)
    calls = len(bot.table.calls)
    raced: list[str] = []

    def deliver_first(operation: str) -> None:
        if operation == "PutItem" and len(bot.table.calls) > calls and not raced:
            raced.append(operation)
            bot.deliver()

    bot.table.before = deliver_first
    redelivered(bot)

    assert raced
    assert bot.announced().count(ended) == 1


def test_a_function_that_fails_is_told_and_what_was_due_stays_due(bot: BotUnderTest, ended: str) -> None:
    bot.slack.channels[CHANNEL] = "not_in_channel"
    bot.deliver()
    bot.slack.channels[CHANNEL] = None

    result = redelivered(bot, ring=lambda: "Sandbox.Timedout")
    bot.tick()

    assert result is not None
    assert (result.failure, [each.id for each in result.left]) == ("Sandbox.Timedout", [ended])
    assert bot.announced() == [ended]


def test_the_history_is_read_before_a_message_in_doubt_is_posted(bot: BotUnderTest, ended: str) -> None:
    bot.slack.scopes.discard("channels:history")
    bot.slack.faults[POST].extend([faults.DROPPED, faults.DROPPED])
    for _ in range(3):
        bot.deliver()
        bot.clock.sleep(60)
    bot.slack.scopes.add("channels:history")
    before = len(bot.slack.calls)

    redelivered(bot)

    methods = [call.method for call in bot.slack.calls[before:]]
    assert methods.index(HISTORY) < methods.index(POST)
    assert bot.announced() == [ended]
