"""At any server, every end that it can show is announced once, with its outcome."""

import pytest

from batchbell.config import server_from
from local.openai_rows import Row, counts
from local.oracle import check
from tests.bot import BotUnderTest
from tests.builders import DAY_S
from tests.servers import AZURE, DIALECTS, ServerDialect

ENDS: dict[str, tuple[str, Row]] = {
    "all succeeded": ("completed", counts(10, 10, 0)),
    "some failed": ("completed", counts(10, 7, 3)),
    "all failed": ("completed", counts(10, 0, 10)),
    "failed": ("failed", counts(0, 0, 0)),
    "expired": ("expired", counts(10, 7, 0)),
    "cancelled": ("cancelled", counts(10, 4, 0)),
}
MAX_REQUESTS = 3
"""Of a poll while nothing happens."""

every_server = pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.name)


def install(bot: BotUnderTest, dialect: ServerDialect, ended: int = 120) -> None:
    """Install the bot at such a server, where many batches have ended already."""
    bot.openai.dialect, bot.openai.unknown_after, bot.openai.project = dialect, dialect.after, None
    version = dialect.api_version or ("v1" if dialect.key_header == "api-key" else "")
    notify_on = frozenset({"completed", "failed", "expired", "cancelled"})
    bot.configure(server=server_from(bot.openai.base_url, version), notify_on=notify_on)
    now = int(bot.clock())
    for age in range(ended):
        bot.openai.add("completed", created_at=now - 9000 - 60 * age, completed_at=now - 8990 - 60 * age)
    bot.tick()


def end(bot: BotUnderTest, batch_id: str, name: str) -> None:
    status, counted = ENDS[name]
    has_counts = getattr(bot.openai.dialect, "has_counts", True)
    bot.openai.move(batch_id, status, request_counts=counted if has_counts else None)


def ends_of(dialect: ServerDialect) -> list[str]:
    return [name for name in ENDS if name not in dialect.never]


@every_server
def test_every_end_that_a_server_can_show_is_announced_once_with_its_outcome(
    bot: BotUnderTest, dialect: ServerDialect
) -> None:
    install(bot, dialect)
    start = len(bot.openai.changes)
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

    report = check(bot.openai.changes[start:], bot.slack.messages)
    assert (report.missing, report.repeated, report.wrong) == ([], [], [])
    assert sum(report.ends.values()) == 2 * len(batches)


@every_server
def test_polls_of_any_server_settle_and_repeat_nothing_for_months(bot: BotUnderTest, dialect: ServerDialect) -> None:
    install(bot, dialect)
    for name in ends_of(dialect):
        end(bot, bot.openai.add("validating", created_at=int(bot.clock()))["id"], name)
    bot.tick(2)
    announced = bot.texts()
    bot.openai.requests.clear()

    bot.tick(10)
    requests = len(bot.openai.requests)
    for _ in range(3):
        bot.clock.at += 31 * DAY_S
        bot.tick(2)

    assert requests <= 10 * MAX_REQUESTS
    assert bot.texts() == announced


def test_azure_lets_a_batch_end_long_after_its_window(bot: BotUnderTest) -> None:
    install(bot, AZURE, ended=0)
    batch = bot.openai.add("in_progress")
    bot.tick()
    bot.clock.at += 2 * DAY_S
    bot.tick(2)
    end(bot, batch["id"], "all succeeded")

    bot.tick(3)

    assert bot.announced() == [f"{batch['id']}#completed"]


def test_a_batch_that_is_resumed_after_its_end_is_not_announced_again(bot: BotUnderTest) -> None:
    [doubleword] = (each for each in DIALECTS if each.name == "Doubleword")
    install(bot, doubleword, ended=0)
    batch = bot.openai.add("in_progress")
    bot.tick()
    for name in ("cancelled", "all succeeded"):
        end(bot, batch["id"], name)
        bot.tick()
        bot.openai.move(batch["id"], "in_progress")
        bot.tick()

    assert bot.announced() == [f"{batch['id']}#cancelled"]
