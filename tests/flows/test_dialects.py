"""Dialects on real wires: on any server, every end that it can show is announced once, and rightly."""

import pytest

from local.openai_rows import Row, counts
from local.openai_simulator import AZURE, DIALECTS, Dialect
from local.oracle import check
from tests.bot import BotUnderTest
from tests.builders import DAY_S, a_policy

ENDS: dict[str, tuple[str, Row]] = {
    "all succeeded": ("completed", counts(10, 10, 0)),
    "some failed": ("completed", counts(10, 7, 3)),
    "all failed": ("completed", counts(10, 0, 10)),
    "failed": ("failed", counts(0, 0, 0)),
    "expired": ("expired", counts(10, 7, 0)),
    "cancelled": ("cancelled", counts(10, 4, 0)),
}

MOST_ASKED = 3
"""Requests that a poll may make while nothing happens: pages at the top, and what is left of a walk."""

every_dialect = pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.name)


def watches(bot: BotUnderTest, dialect: Dialect, history: int = 120) -> None:
    """The bot watches a server of this dialect, where much has ended already."""
    bot.openai.dialect, bot.openai.unknown_after = dialect, dialect.after
    bot.openai.project = None
    bot.api_version = dialect.api_version or ("v1" if dialect.key_header == "api-key" else "")
    bot.policy = a_policy("completed", "failed", "expired", "cancelled")
    now = int(bot.clock())
    for age in range(history):
        bot.openai.add("completed", created_at=now - 9000 - 60 * age, completed_at=now - 8990 - 60 * age)
    bot.tick()


def end(bot: BotUnderTest, batch_id: str, name: str) -> None:
    status, counted = ENDS[name]
    has_counts = bot.openai.dialect.has_counts
    bot.openai.move(batch_id, status, request_counts=counted if has_counts else None)


def ends_of(dialect: Dialect) -> list[str]:
    return [name for name in ENDS if name not in dialect.never]


@every_dialect
def test_every_end_that_a_server_can_show_is_announced_once_with_its_verdict(
    bot: BotUnderTest, dialect: Dialect
) -> None:
    watches(bot, dialect)
    begin = len(bot.openai.changes)
    batches = {name: bot.openai.add("validating")["id"] for name in ends_of(dialect)}
    bot.tick()
    for status in ("in_progress", "finalizing"):
        for batch_id in batches.values():
            bot.openai.move(batch_id, status)
        bot.tick()
    for name, batch_id in batches.items():
        end(bot, batch_id, name)
        bot.tick()
    for name in ends_of(dialect):
        end(bot, bot.openai.add("validating", created_at=int(bot.clock()))["id"], name)

    bot.tick(3)

    report = check(bot.openai.changes[begin:], bot.slack.messages)
    assert (report.missing, report.repeated, report.wrong) == ([], [], [])
    assert sum(report.ends.values()) == 2 * len(batches)


@every_dialect
def test_polls_of_any_server_settle_and_repeat_nothing_for_months(
    bot: BotUnderTest, dialect: Dialect
) -> None:
    watches(bot, dialect)
    for name in ends_of(dialect):
        end(bot, bot.openai.add("validating", created_at=int(bot.clock()))["id"], name)
    bot.tick(2)
    told = bot.texts()
    bot.openai.requests.clear()

    bot.tick(10)
    asked = len(bot.openai.requests)
    for _ in range(3):
        bot.clock.at += 31 * DAY_S
        bot.tick(2)

    assert asked <= 10 * MOST_ASKED
    assert bot.texts() == told


@every_dialect
def test_an_open_batch_that_sinks_below_the_first_page_is_watched_on_any_server(
    bot: BotUnderTest, dialect: Dialect
) -> None:
    watches(bot, dialect, history=0)
    old = bot.openai.add("in_progress")
    bot.tick()
    bot.policy = a_policy("failed")
    for _ in range(120):
        bot.openai.add("completed", created_at=int(bot.clock()) + 1, request_counts=counts(1, 1, 0))
    bot.clock.at += 1
    end(bot, old["id"], "failed")

    bot.tick(3)

    assert bot.announced().count(f"{old['id']}#failed") == 1


def test_azure_lets_a_batch_end_long_after_its_window(bot: BotUnderTest) -> None:
    watches(bot, AZURE, history=0)
    batch = bot.openai.add("in_progress")
    bot.tick()
    bot.clock.at += 2 * DAY_S
    bot.tick(2)
    end(bot, batch["id"], "all succeeded")

    bot.tick(3)

    assert bot.announced() == [f"{batch['id']}#completed"]


def test_a_list_that_is_an_hour_behind_delays_an_end_and_neither_loses_nor_repeats_it(
    bot: BotUnderTest,
) -> None:
    watches(bot, named("LiteLLM before 1.95"), history=0)
    batch = bot.openai.add("validating")
    bot.tick()
    end(bot, batch["id"], "some failed")
    bot.openai.stale[batch["id"]] = batch
    bot.tick(60)
    before = bot.announced()
    bot.openai.stale.clear()
    bot.tick(2)
    bot.openai.stale[batch["id"]] = batch

    bot.tick(3)

    assert before == []
    assert bot.announced() == [f"{batch['id']}#completed"]


def test_a_batch_that_is_resumed_after_its_end_is_not_announced_again(bot: BotUnderTest) -> None:
    watches(bot, named("Doubleword"), history=0)
    batch = bot.openai.add("in_progress")
    bot.tick()
    for name in ("cancelled", "all succeeded"):
        end(bot, batch["id"], name)
        bot.tick()
        bot.openai.move(batch["id"], "in_progress")
        bot.tick()

    assert bot.announced() == [f"{batch['id']}#cancelled"]


def named(name: str) -> Dialect:
    return next(dialect for dialect in DIALECTS if dialect.name == name)
