"""Why requests failed is read when an end is recorded, and costs no end anything, whatever the file is."""

from collections.abc import Callable

import pytest

from batchbell.config import metadata_filter_from
from batchbell.models import Batch, ErrorSummary
from local import openai_faults as faults
from local.openai_faults import Cut, Fault, Kind
from local.openai_rows import counts
from local.server import Reply
from tests.bot import BotUnderTest
from tests.tables import cut_after, cut_before, throttled

PARTLY = counts(10, 7, 3)
REASONS = ErrorSummary((("rate_limit_exceeded", 2), ("context_length_exceeded", 1)), lines=3)


def ended(bot: BotUnderTest, failed: int = 3, status: str = "completed", **fields: object) -> str:
    """Add a batch that ended just now; its id."""
    row = bot.openai.add(status, created_at=int(bot.clock()), request_counts=counts(10, 10 - failed, failed), **fields)
    return str(row["id"])


def recorded(bot: BotUnderTest, batch_id: str) -> ErrorSummary | None:
    record = bot.store().find(batch_id)
    assert record
    return record.batch.error_summary


def files_read(bot: BotUnderTest) -> list[str]:
    return [request.path.split("/")[-2] for request in bot.openai.requests if request.kind is Kind.FILE]


def test_the_notification_and_the_record_of_an_end_say_why_requests_failed(bot: BotUnderTest) -> None:
    bot.tick()
    batch_id = ended(bot)

    result = bot.poll()

    [notification] = bot.outbox().notifications
    assert isinstance(notification.subject, Batch)
    assert (notification.subject.error_summary, recorded(bot, batch_id)) == (REASONS, REASONS)
    assert (notification.id, notification.subject.status) == (f"{batch_id}#completed", "completed")
    assert (result.failure, result.notifications) == (None, 1)
    bot.deliver()
    assert bot.announced() == [f"{batch_id}#completed"]
    [record] = bot.table.items(f"batch#{batch_id}")
    assert "ttl" in record


def test_requests_that_never_ran_are_counted_apart(bot: BotUnderTest) -> None:
    batch_id = bot.add_open()
    bot.openai.move(batch_id, "expired", request_counts=counts(10, 3, 3))

    bot.tick()

    assert recorded(bot, batch_id) == ErrorSummary(REASONS.reasons, not_run=4, lines=7)
    assert bot.announced() == [f"{batch_id}#expired"]


def test_a_recorded_end_that_is_not_announced_says_why_too(bot: BotUnderTest) -> None:
    batch_id = bot.add_open()
    bot.openai.move(batch_id, "cancelled", request_counts=PARTLY)

    bot.tick()

    assert recorded(bot, batch_id) == REASONS
    assert bot.announced() == []


def test_a_quiet_poll_makes_one_request_and_reads_no_file(bot: BotUnderTest) -> None:
    bot.tick()
    ended(bot)
    bot.tick()
    bot.openai.requests.clear()

    bot.tick(3)

    assert [request.kind for request in bot.openai.requests] == [Kind.FIRST_PAGE] * 3


def test_no_file_is_read_of_what_had_ended_before_the_baseline(bot: BotUnderTest) -> None:
    bot.openai.add("completed", created_at=int(bot.clock()) - 900, completed_at=int(bot.clock()) - 600)
    ended(bot)

    bot.tick(3)

    assert files_read(bot) == []


@pytest.mark.parametrize(
    "fields", [{"failed": 0}, {"error_file_id": None}, {"error_file_id": ""}, {"status": "failed", "failed": 0}]
)
def test_no_file_is_asked_for_without_failures_or_a_file(bot: BotUnderTest, fields: dict[str, object]) -> None:
    bot.tick()
    batch_id = ended(bot, **fields)  # type: ignore[arg-type]

    bot.tick()

    assert files_read(bot) == []
    assert [each.partition("#")[0] for each in bot.announced()] == [batch_id]


def test_no_file_is_read_of_another_teams_batch_or_if_that_is_off(bot: BotUnderTest) -> None:
    bot.configure(metadata_filter=metadata_filter_from("team=search"))
    bot.tick()
    ended(bot, metadata={"team": "support"})
    own = ended(bot, metadata={"team": "search"})
    bot.tick()
    bot.configure(reads_error_files=False)
    later = ended(bot, metadata={"team": "search"})

    bot.tick()

    assert len(files_read(bot)) == 1
    assert [recorded(bot, each) for each in (own, later)] == [REASONS, None]


def test_of_many_ends_in_one_poll_the_worst_ten_are_read(bot: BotUnderTest) -> None:
    bot.tick()
    failed = [3, 7, 1, 9, 4, 8, 2, 6, 5, 10, 1, 2, 1]
    ids = [ended(bot, each) for each in failed]

    bot.tick()

    read = sorted(number for number, batch_id in zip(failed, ids, strict=True) if recorded(bot, batch_id))
    assert read == [2, 2, 3, 4, 5, 6, 7, 8, 9, 10]
    assert sorted(each.partition("#")[0] for each in bot.announced()) == sorted(ids)


def test_files_take_a_third_of_the_polls_time(bot: BotUnderTest) -> None:
    bot.tick()
    ids = [ended(bot) for _ in range(10)]
    bot.request_s = 8

    result = bot.poll(60)

    assert len(files_read(bot)) <= 2
    assert (result.failure, result.notifications) == (None, len(ids))


def deliver_meanwhile(bot: BotUnderTest) -> Fault:
    """Let another run send what is announced, while this one reads the file."""

    def fault(reply: Reply) -> Reply:
        bot.deliver()
        return reply

    return fault


HARMLESS: dict[str, Callable[[BotUnderTest], Fault]] = {
    "404": lambda bot: faults.error(404),
    "401": lambda bot: faults.error(401),
    "403": lambda bot: faults.error(403, "missing_scope"),
    "429": lambda bot: faults.error(429, headers={"retry-after": "60"}),
    "500": lambda bot: faults.error(500),
    "a redirect": lambda bot: faults.redirect("http://127.0.0.1:1/"),
    "a cut": lambda bot: faults.cut(Cut.BEFORE_HEAD),
    "noise": lambda bot: faults.raw(b"\x00\xff\n" * 99),
    "another run is faster": deliver_meanwhile,
}


@pytest.mark.parametrize("name", HARMLESS)
def test_whatever_goes_wrong_costs_the_reasons_and_the_end_is_announced_in_the_same_run(
    bot: BotUnderTest, name: str
) -> None:
    bot.tick()
    batch_id = ended(bot, error_file_id="file-1")
    bot.openai.files["file-1"] = HARMLESS[name](bot)

    result = bot.poll()
    bot.deliver()

    assert (result.failure, result.is_complete, result.notifications) == (None, True, 1)
    assert bot.announced() == [f"{batch_id}#completed"]
    assert (recorded(bot, batch_id), files_read(bot)) == (None, ["file-1"])
    bot.tick(3)
    assert (bot.announced(), len(files_read(bot))) == ([f"{batch_id}#completed"], 1)


@pytest.mark.parametrize("fault", [throttled, cut_before, cut_after])
def test_a_table_that_fails_then_costs_at_most_the_reasons(
    bot: BotUnderTest, fault: Callable[[str], Exception]
) -> None:
    bot.tick()
    batch_id = ended(bot, error_file_id="file-1")

    def fail_from_now_on(reply: Reply) -> Reply:
        setattr(bot.table, "after" if fault is cut_after else "before", fault)
        return reply

    bot.openai.files["file-1"] = fail_from_now_on
    result = bot.poll()
    bot.table.before = bot.table.after = lambda _: None
    bot.tick()

    assert (result.failure, result.notifications) == (None, 1)
    assert bot.announced() == [f"{batch_id}#completed"]
